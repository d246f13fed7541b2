//! Addresses of the remotes: `https` only.

/// What is wrong with an address, or `None`.
pub(crate) fn problem(address: &str) -> Option<&'static str> {
    let Some(rest) = address.strip_prefix("https://") else {
        return Some(if address.to_ascii_lowercase().starts_with("http://") {
            "the address begins with http://, and both systems are only spoken to over TLS"
        } else {
            "an address that begins with https:// is expected"
        });
    };
    if rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Some("the address contains a blank or a control character");
    }
    if rest.contains(['?', '#']) {
        return Some("the address contains a query or a fragment (? or #), which a base address cannot have");
    }
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return Some(
            "the address contains a user name or password before @, which never stands in this file",
        );
    }
    let (host, port) = split_port(authority);
    if host.is_empty() {
        return Some("the address names no host");
    }
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.');
    if bracketed {
        let inner = &host[1..host.len() - 1];
        if inner.parse::<std::net::Ipv6Addr>().is_err() {
            return Some("the address between [ and ] is no IPv6 address");
        }
    } else if !plain || host.starts_with(['.', '-']) || host.contains("..") {
        return Some("the host's name contains characters that no host name has");
    }
    match port {
        Some(port) if port.parse::<u16>().map_or(true, |port| port == 0) => {
            Some("the port is no number from 1 to 65535")
        }
        _ => None,
    }
}

/// Whether an address names this computer: `localhost` or a loopback address (RFC 6761, 6.3; RFC 6890).
pub(crate) fn is_on_this_computer(address: &str) -> bool {
    let authority =
        address.strip_prefix("https://").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let (host, _) = split_port(authority);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    let after_bracket = authority.rfind(']').map_or(0, |at| at + 1);
    match authority[after_bracket..].rfind(':') {
        Some(at) => (&authority[..after_bracket + at], Some(&authority[after_bracket + at + 1..])),
        None => (authority, None),
    }
}
