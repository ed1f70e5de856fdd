//! Tasks that log in the span of the request or record that starts them. A task of tokio alone has no span, so that its log lines
//! would not state to which request they belong.

use tokio::task::JoinHandle;
use tracing::{Instrument, Span, instrument::Instrumented};

/// The future, in the span of its caller, wherever it runs.
pub fn traced<F: Future>(future: F) -> Instrumented<F> {
    future.in_current_span()
}

/// Runs a future as a task of its own. The task runs to its end also when its starter is dropped.
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::spawn(traced(future))
}

/// Runs a computation that uses the CPU without a pause, on a thread for such computations. On the shared thread, it would block
/// other requests.
pub fn compute<T: Send + 'static>(computation: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let span = Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(computation))
}
