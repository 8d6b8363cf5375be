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

/// Calls `stop` each time the process is told to stop for a while (SIGTSTP from elsewhere than the keyboard, which is in raw mode).
///
/// # Errors
/// The signal cannot be listened to; it stops the process at once then.
#[cfg(unix)]
pub fn on_stop(mut stop: impl FnMut() + Send + 'static) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut caught = runtime.block_on(async { signal(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw())) })?;
    std::thread::Builder::new().name("stops".into()).spawn(move || {
        runtime.block_on(async {
            while caught.recv().await.is_some() {
                stop();
            }
        });
    })?;
    Ok(())
}

/// There is no such signal here.
#[cfg(not(unix))]
pub fn on_stop(_: impl FnMut() + Send + 'static) -> std::io::Result<()> {
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
