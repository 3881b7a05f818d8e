//! Waiting for what is at hand, without a clock: the runtime's other tasks get their turns.

use std::future::poll_fn;
use std::task::Poll;

/// Lets all other tasks that are ready run, `rounds` times each at most. While they have nothing to do a
/// round is some fifty nanoseconds, so this is no delay anybody could measure.
pub async fn let_others_run(rounds: usize) {
    let mut left = rounds;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
