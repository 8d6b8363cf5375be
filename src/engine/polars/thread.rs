//! Threads that plan and run queries, one query at a time, and are used again: a query takes milliseconds, and a thread with a large
//! stack and an allocator of its own is a good part of that.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};

/// The optimiser walks nested expressions by recursion; unoptimised builds need several megabytes for it.
const STACK: usize = 64 << 20;

/// Work; what it gives tells of its end, once the thread is free again.
type Task = Box<dyn FnOnce() -> Box<dyn FnOnce() + Send> + Send>;

/// Threads that wait for work.
static IDLE: Mutex<Vec<Sender<Task>>> = Mutex::new(Vec::new());

/// Does some work on another thread; its result, or that it panicked.
///
/// # Errors
/// The system has no thread.
pub(super) fn run<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<Receiver<std::thread::Result<T>>> {
    let (sender, receiver) = sync_channel(1);
    let task: Task = Box::new(move || {
        let done = catch_unwind(AssertUnwindSafe(work));
        // Nobody may be waiting any more.
        Box::new(move || drop(sender.send(done)))
    });
    let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let thread = match idle {
        Some(thread) => thread,
        None => spawn()?,
    };
    // A thread that waits for work does not end.
    let _ = thread.send(task);
    Ok(receiver)
}

fn spawn() -> std::io::Result<Sender<Task>> {
    let (sender, tasks) = channel::<Task>();
    let own = sender.clone();
    std::thread::Builder::new().name("query".into()).stack_size(STACK).spawn(move || {
        while let Ok(task) = tasks.recv() {
            let tell = task();
            IDLE.lock().unwrap_or_else(PoisonError::into_inner).push(own.clone());
            tell();
        }
    })?;
    Ok(sender)
}
