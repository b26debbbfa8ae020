//! Callers that wait for a key to change.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// Who waits for which key.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    places: Arc<Mutex<Places>>,
    /// Of the places, for those who wake nobody.
    count: Arc<AtomicUsize>,
}

type Place = (u32, Box<str>);
type Places = HashMap<Place, (Arc<Notify>, usize)>;

/// A caller that waits for one key, until it is dropped.
pub(crate) struct Waiter {
    places: Arc<Mutex<Places>>,
    count: Arc<AtomicUsize>,
    place: Place,
    notified: std::pin::Pin<Box<OwnedNotified>>,
}

impl Waiting {
    /// Takes note of a caller: what changes from now on wakes it.
    pub(crate) fn wait_for(&self, space: u32, key: &str) -> Waiter {
        let place = (space, Box::from(key));
        let mut places = lock(&self.places);
        let (notify, callers) = places.entry(place.clone()).or_default();
        *callers += 1;
        let mut notified = Box::pin(Arc::clone(notify).notified_owned());
        notified.as_mut().enable();
        self.count.store(places.len(), Ordering::SeqCst);
        Waiter {
            places: Arc::clone(&self.places),
            count: Arc::clone(&self.count),
            place,
            notified,
        }
    }

    /// Wakes those that wait for a key.
    pub(crate) fn wake(&self, space: u32, key: &str) {
        if self.count.load(Ordering::SeqCst) == 0 {
            return;
        }
        if let Some((notify, _)) = lock(&self.places).get(&(space, Box::from(key))) {
            notify.notify_waiters();
        }
    }

    /// Wakes all.
    pub(crate) fn wake_all(&self) {
        for (notify, _) in lock(&self.places).values() {
            notify.notify_waiters();
        }
    }
}

impl Waiter {
    pub(crate) async fn woken(mut self) {
        self.notified.as_mut().await;
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut places = lock(&self.places);
        if let Some((_, callers)) = places.get_mut(&self.place) {
            *callers -= 1;
            if *callers == 0 {
                places.remove(&self.place);
            }
        }
        self.count.store(places.len(), Ordering::SeqCst);
    }
}

fn lock(places: &Mutex<Places>) -> MutexGuard<'_, Places> {
    places.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn those_who_wait_are_woken_and_leave_nothing() {
        let waiting = Waiting::default();
        let [first, second, other] = ["a", "a", "b"].map(|key| waiting.wait_for(1, key));
        waiting.wake(1, "a");
        waiting.wake(2, "b");
        assert!(first.woken().now_or_never().is_some());
        assert!(second.woken().now_or_never().is_some());
        assert!(other.woken().now_or_never().is_none());
        assert_eq!(waiting.count.load(Ordering::SeqCst), 0);
    }
}
