//! Ids as segments of a path. They come from a user or off the wire, so they may hold anything.

/// Escapes an id, so that it is one segment whatever it holds.
pub fn segment(id: &str) -> String {
    if matches!(id, "." | "..") {
        // URLs take these, escaped once or not at all, for steps along the path.
        return id.replace('.', "%252E");
    }
    let mut escaped = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => escaped.push(char::from(byte)),
            byte => {
                escaped.push('%');
                for half in [byte >> 4, byte & 15] {
                    escaped.push(char::from_digit(half.into(), 16).unwrap_or('0').to_ascii_uppercase());
                }
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stays_one_segment_whatever_it_holds() {
        assert_eq!(segment("per_01-Az"), "per_01-Az");
        for id in ["..", ".", "...", "../../x", "a/b", "a?b", "a#b", "a\\b", "%2e%2e", "%2F", "ü\n", "\0"] {
            let mut url = url::Url::parse("http://127.0.0.1/team-a").unwrap();
            url.set_path(&format!("/team-a/permission/{}/reply", segment(id)));
            let segments: Vec<_> = url.path_segments().unwrap().collect();
            assert!(matches!(segments[..], ["team-a", "permission", _, "reply"]), "{id}: {url}");
            assert_eq!((url.query(), url.fragment()), (None, None), "{id}: {url}");
        }
    }
}
