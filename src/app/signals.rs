//! Ctrl-C, SIGTERM and SIGHUP: one way to be told that the program shall end.

/// Calls `end` on a thread of its own when the process is told to end, be it by a key or by a service manager.
///
/// # Errors
/// The signals cannot be listened to; each ends the process at once then.
pub fn on_end(end: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Whoever returns from here is heard: the signals are caught before the thread begins.
    let caught = runtime.block_on(async { signals() })?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(caught);
        end();
    })?;
    Ok(())
}

#[cfg(unix)]
fn signals() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate, mut hangup) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn signals() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
