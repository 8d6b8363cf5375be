//! The same work for each of several things, two at a time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Things in work at a time: what each holds in memory adds up, and the engine itself uses every processor.
const AT_ONCE: usize = 2;

/// Does the work for each item; the results in the order of the items.
///
/// # Errors
/// The first error in the order of the items; work that had begun is finished, none begins after an error.
pub(crate) fn each<T: Sync, R: Send, E: Send>(items: &[T], work: impl Fn(&T) -> Result<R, E> + Sync) -> Result<Vec<R>, E> {
    let (next, results) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(items.len())));
    let worker = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return };
            let result = work(item);
            if result.is_err() {
                next.store(items.len(), Ordering::Relaxed);
            }
            results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((at, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..AT_ONCE.min(items.len()) {
            scope.spawn(worker);
        }
        worker();
    });
    let mut results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_items() {
        let squares: Result<Vec<u64>, ()> = each(&[5_u64, 1, 4, 2, 3], |n| Ok(n * n));
        assert_eq!(squares, Ok(vec![25, 1, 16, 4, 9]));
    }

    #[test]
    fn nothing_begins_after_an_error() {
        let begun = AtomicUsize::new(0);
        let result: Result<Vec<()>, usize> = each(&[0_usize; 100], |_| Err(begun.fetch_add(1, Ordering::Relaxed)));
        assert!(result.is_err());
        assert!(begun.into_inner() <= AT_ONCE);
    }
}
