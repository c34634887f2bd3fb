"""What web servers on this host hand out: their configuration, a file's URL, and a request to it.

* `model`, `lines`: the common form of configurations, and what may go wrong in them.
* `nginx`, `apache`, `lighttpd`, `caddy`: readers. Pure: bytes in, sites out. Each has a partner
  that answers for one URL what the server does with it (`nginx_route`, `apache_route`, ...).
* `child`: the bounded child in which all of that runs, for .htaccess is written by applications
  and a pattern in it can take for ever.
* `find`, `listeners`, `check`, `view`: the shell: finds and reads files, sees who listens, asks
  over loopback, and puts it together for one file.
* `applications`, `inventory`: which applications there are, and how long nobody touched them.
"""
