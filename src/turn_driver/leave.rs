//! How long leaving may take.

use std::time::Duration;

/// Leaving waits no longer than this.
pub const LEAVE: Duration = Duration::from_secs(5);
