//! What differs by release is told by its number, where nothing on the wire tells it.

/// Whether a release is older than `major.minor`; one that is not known is not.
pub fn is_before(version: Option<&str>, than: (u32, u32)) -> bool {
    let mut numbers =
        version.into_iter().flat_map(|version| version.split('.')).map(|number| number.parse().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) < than,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_before;

    #[test]
    fn a_release_is_older_by_its_first_two_numbers() {
        assert!(is_before(Some("1.0.185"), (1, 1)));
        assert!(is_before(Some("1.9.0"), (1, 14)));
        assert!(!is_before(Some("1.1.0"), (1, 1)));
        assert!(!is_before(Some("2.0.0-beta"), (1, 14)));
        assert!(!is_before(Some("local"), (1, 14)));
        assert!(!is_before(None, (1, 14)));
    }
}
