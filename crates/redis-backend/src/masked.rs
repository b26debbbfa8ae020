//! URLs as they may be shown.

/// A URL as it may be shown: what is, or might be, a password is replaced by `***`, also
/// where the URL is malformed.
pub(crate) fn masked(url: &str) -> String {
    let (scheme, rest) = match url.find("://") {
        Some(at) => url.split_at(at + 3),
        None => ("", url),
    };
    let (login, rest) = match rest.rfind('@') {
        Some(at) => rest.split_at(at + 1),
        None => ("", rest),
    };
    let login = match (login.is_empty(), login.split_once(':')) {
        (true, _) => String::new(),
        (false, Some((user, _))) => format!("{user}:***@"),
        (false, None) => "***@".to_owned(),
    };
    let place = if scheme.contains("sentinel") {
        masked_places(rest)
    } else {
        masked_place(rest)
    };
    format!("{scheme}{login}{place}")
}

/// Several hosts with commas between. What follows one that had to be masked may be the
/// rest of it.
fn masked_places(rest: &str) -> String {
    let mut shown = String::new();
    for (index, place) in rest.split(',').enumerate() {
        let masked = masked_place(place);
        if index > 0 {
            shown.push(',');
        }
        shown.push_str(&masked);
        if masked != place {
            break;
        }
    }
    shown
}

/// Host, port and path, without a query. A port that is no number may be a password whose
/// host was forgotten.
fn masked_place(rest: &str) -> String {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host_and_port, path) = rest.split_at(end);
    let after_address = host_and_port.rfind(']').map_or(0, |at| at + 1);
    if let Some(colon) = host_and_port[after_address..].find(':') {
        let (host, port) = host_and_port.split_at(after_address + colon);
        if host.is_empty() || !port[1..].bytes().all(|b| b.is_ascii_digit()) {
            return format!("{host}:***");
        }
    }
    match path.find(['?', '#']) {
        Some(at) => format!("{host_and_port}{}***", &path[..=at]),
        None => rest.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_whatever_might_be_a_password() {
        for (url, expected) in [
            ("redis://h:6379/0", "redis://h:6379/0"),
            ("redis://[::1]:6379", "redis://[::1]:6379"),
            ("redis://u:s3cret@h", "redis://u:***@h"),
            ("redis://:s3cret@h:1", "redis://:***@h:1"),
            ("redis://s3cret@h", "redis://***@h"),
            ("redis://:s3@cret@h", "redis://:***@h"),
            ("redis://:s3/cret@h", "redis://:***@h"),
            ("redis://:s3cret", "redis://:***"),
            ("redis://:s3/cret", "redis://:***"),
            ("redis://:s3#cret", "redis://:***"),
            ("u:s3cret@h", "u:***@h"),
            ("redis://:12345", "redis://:***"),
            ("unix:///s?pass=s3cret&db=1", "unix:///s?***"),
            ("redis://h#s3cret", "redis://h#***"),
            (
                "redis+sentinel://u:s3cret@a:1,b:2/main/0",
                "redis+sentinel://u:***@a:1,b:2/main/0",
            ),
            ("redis+sentinel://:s3,cret", "redis+sentinel://:***"),
            ("redis+sentinel://a,b:s3,cret", "redis+sentinel://a,b:***"),
        ] {
            assert_eq!(masked(url), expected);
        }
    }
}
