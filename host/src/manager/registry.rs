//! The connections that all users of a key share.

use std::{
    collections::{BTreeMap, btree_map::Entry as Place},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use super::{BuildError, Builder, ConnectionManager, life::Life};

/// Every shared connection, by its key. No code of a user runs while it is locked.
static SHARED: Mutex<BTreeMap<Arc<str>, Entry>> = Mutex::new(BTreeMap::new());

struct Entry {
    settings: Builder,
    /// `None` while it is dropped, because nobody made use of it.
    manager: Option<ConnectionManager>,
}

fn entries() -> MutexGuard<'static, BTreeMap<Arc<str>, Entry>> {
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The connection of this key; `make` says how to make it if it was never known.
pub(super) fn shared(key: &str, make: impl FnOnce() -> Builder) -> Result<ConnectionManager, BuildError> {
    if let Some(entry) = entries().get_mut(key) {
        return entry.manager(key);
    }
    let mut made = Entry { settings: make(), manager: None };
    match entries().entry(key.into()) {
        // Somebody was faster.
        Place::Occupied(mut first) => first.get_mut().manager(key),
        Place::Vacant(place) => {
            let manager = made.manager(key)?;
            place.insert(made);
            Ok(manager)
        }
    }
}

/// Shuts the connection of this key down, and forgets how to make it.
pub(super) async fn forget(key: &str) -> bool {
    let forgotten = entries().remove(key);
    let known = forgotten.is_some();
    if let Some(manager) = forgotten.and_then(|entry| entry.manager) {
        manager.shutdown().await;
    }
    known
}

impl Entry {
    /// The connection that is there, or else a new one.
    fn manager(&mut self, key: &str) -> Result<ConnectionManager, BuildError> {
        if let Some(manager) = self.manager.as_ref().filter(|manager| manager.life.is_going_on()) {
            manager.touch();
            return Ok(manager.clone());
        }
        let manager = self.settings.clone().build()?;
        let Builder { cleanup_interval, inactive_after, .. } = self.settings;
        manager.life.runtime.spawn(sweep(key.into(), Arc::downgrade(&manager.life), cleanup_interval, inactive_after));
        self.manager = Some(manager.clone());
        Ok(manager)
    }
}

/// Looks now and then whether anybody needs the connection, until it is gone.
async fn sweep(key: Arc<str>, life: Weak<Life>, interval: Duration, inactive_after: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        let mut entries = entries();
        let Some(entry) = entries.get_mut(&key) else {
            return;
        };
        let Some(manager) = entry.manager.as_ref().filter(|manager| Arc::as_ptr(&manager.life) == life.as_ptr()) else {
            return;
        };
        // If nobody has it but this map, nobody can come by it while the map is locked.
        let unused = Arc::strong_count(&manager.life) == 1;
        if unused && manager.life.inactive_for() >= inactive_after {
            let dropped = entry.manager.take();
            drop(entries);
            // It disconnects by itself, now that the last handle is gone.
            drop(dropped);
            tracing::info!(check = &*key, "not made use of for {:?}, so it is dropped", inactive_after);
            return;
        }
    }
}
