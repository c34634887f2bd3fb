"""What a change means on this host: role, severity, a diff that gives nothing away."""
