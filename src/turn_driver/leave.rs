//! How a reader leaves a turn, and how long that may take.

use std::time::Duration;

use tokio::sync::watch;

pub use crate::request::OnLeave;

/// Leaving waits no longer than this.
pub const LEAVE: Duration = Duration::from_secs(5);

/// `None` until the reader leaves; from then on, what becomes of the turn.
pub type Leaving = watch::Receiver<Option<OnLeave>>;

/// Waits until the reader leaves. If the stream was dropped, `dropped` says what becomes of the turn.
pub async fn left(leaving: &mut Leaving, dropped: OnLeave) -> OnLeave {
    leaving.wait_for(Option::is_some).await.ok().and_then(|left| *left).unwrap_or(dropped)
}

/// Waits until the reader says more than `known`: that it leaves, and then that the turn is to be aborted after all.
pub async fn left_further(leaving: &mut Leaving, known: Option<OnLeave>, dropped: OnLeave) -> OnLeave {
    let further = |said: &Option<OnLeave>| *said == Some(OnLeave::Abort);
    match known {
        None => left(leaving, dropped).await,
        Some(OnLeave::Detach) if leaving.wait_for(further).await.is_ok() => OnLeave::Abort,
        Some(_) => std::future::pending().await,
    }
}
