//! Which OpenCode it is. What differs by release is told by its number, where nothing on the wire tells it.

/// Which of OpenCode's two APIs a release speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// `/session`, `/event`: 1.x.
    V1,
    /// `/api/session`, `/api/event`: from 2.0.
    V2,
}

impl Generation {
    /// The generation of a release, where its number says so. Builds from source (`0.0.0-…`, `local`) say
    /// nothing, and what comes after 2 is not known.
    pub fn of(release: &Release) -> Option<Self> {
        match release {
            Release::Number([1, ..]) => Some(Self::V1),
            Release::Number([2, ..]) => Some(Self::V2),
            Release::Number(_) | Release::Source | Release::Unsaid => None,
        }
    }

    /// As results and events show it.
    pub fn number(self) -> u8 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }
}

/// What an OpenCode says its version is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// Major, minor, patch; what follows them (`-beta`, `+build`) does not count.
    Number([u32; 3]),
    /// Built from source, or by somebody who numbers differently: taken for a new one.
    Source,
    /// It does not say (servers to 1.0.192).
    Unsaid,
}

impl Release {
    /// Reads `1.18.33`, `v2.0.15`, `opencode v2.0.15`.
    pub fn of(version: Option<&str>) -> Self {
        let Some(version) = version else { return Self::Unsaid };
        let last = version.split_whitespace().next_back().unwrap_or_default();
        let core = last.trim_start_matches('v').split(['-', '+']).next().unwrap_or_default();
        let numbers: Vec<u32> = core.split('.').map_while(|number| number.parse().ok()).collect();
        match numbers[..] {
            // No release begins with 0: development builds and previews do.
            [0, ..] => Self::Source,
            [major, minor] => Self::Number([major, minor, 0]),
            [major, minor, patch, ..] => Self::Number([major, minor, patch]),
            _ => Self::Source,
        }
    }

    /// Whether it is known to be older than `than`: one that does not say is not.
    pub fn is_before(&self, than: [u32; 3]) -> bool {
        matches!(self, Self::Number(numbers) if *numbers < than)
    }

    /// Whether it can be taken to be `since` or newer: one that does not say cannot.
    pub fn is_from(&self, since: [u32; 3]) -> bool {
        match self {
            Self::Number(numbers) => *numbers >= since,
            Self::Source => true,
            Self::Unsaid => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Generation, Release};

    fn release(version: &str) -> Release {
        Release::of(Some(version))
    }

    #[test]
    fn a_release_is_newer_by_its_numbers() {
        assert!(release("1.10.0").is_from([1, 2, 27]));
        assert!(!release("1.2.9").is_from([1, 2, 27]));
        assert!(!release("1.0.185").is_from([1, 1, 0]));
        assert!(release("1.1.0").is_from([1, 1, 0]));
        assert!(release("2.0.0-beta").is_from([1, 14, 0]));
        assert!(release("1.14").is_from([1, 14, 0]));
    }

    #[test]
    fn what_is_no_release_is_new_and_what_does_not_say_is_old() {
        for version in ["0.0.0-dev-202601010000", "0.0.0-next-16350", "local", "", "1", "x.y.z"] {
            assert_eq!(release(version), Release::Source, "{version}");
            assert!(release(version).is_from([1, 14, 0]), "{version}");
        }
        assert!(!Release::of(None).is_from([1, 0, 0]));
    }

    #[test]
    fn nothing_is_taken_for_older_that_does_not_say_a_number() {
        assert!(release("1.0.185").is_before([1, 1, 0]));
        for unknown in [Some("0.0.0-dev"), Some("local"), None] {
            assert!(!Release::of(unknown).is_before([1, 14, 0]), "{unknown:?}");
        }
    }

    #[test]
    fn both_commands_say_their_version() {
        assert_eq!(release("opencode v2.0.15\n"), Release::Number([2, 0, 15]));
        assert_eq!(release("1.18.33\n"), Release::Number([1, 18, 33]));
    }

    #[test]
    fn a_generation_is_told_by_a_release_alone() {
        let of = |version| Generation::of(&release(version));
        assert_eq!(of("1.18.33"), Some(Generation::V1));
        assert_eq!(of("2.0.15"), Some(Generation::V2));
        assert_eq!(of("0.0.0-next-16350"), None);
        assert_eq!(of("3.0.0"), None);
        assert_eq!(Generation::of(&Release::Unsaid), None);
    }
}
