rule git_token
{
    meta:
        id = "credentials.git_token"
        version = 1
        description = "Tokens of GitHub and GitLab, passwords in .netrc"
        attack = "T1552.001"
    strings:
        $personal = /ghp_[A-Za-z0-9]{36}/
        $oauth = /gho_[A-Za-z0-9]{36}/
        $user = /ghu_[A-Za-z0-9]{36}/
        $server = /ghs_[A-Za-z0-9]{36}/
        $refresh = /ghr_[A-Za-z0-9]{36}/
        $fine = /github_pat_[A-Za-z0-9_]{82}/
        $gitlab = /glpat-[A-Za-z0-9_-]{20}/
        $netrc = /machine[ \t\r\n]{1,8}[^ \t\r\n]{3,200}[ \t\r\n]{1,8}login[ \t\r\n]/
    condition:
        any of them
}
