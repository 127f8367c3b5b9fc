//! Looks at file systems that are under way. One that hangs holds a thread for as long as it does, even after its run was given
//! up; so there are so many of them at the most, and one for each path: a check that comes back every few seconds waits for the
//! same one, and does not keep those of other file systems from theirs.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::contract::{Disk, Error};

/// Looks under way at the same time, over all runs: threads that file systems which hang may hold.
const LOOKS: usize = 32;

type Answer = Option<Result<Disk, Error>>;
type Look = fn(&str) -> Result<Disk, Error>;

/// Looks at file systems, shared by all runs.
#[derive(Clone)]
pub(in crate::engine) struct Disks(Arc<Shared>);

struct Shared {
    look: Look,
    room: Arc<Semaphore>,
    /// By path.
    under_way: Mutex<HashMap<String, watch::Receiver<Answer>>>,
}

impl Disks {
    pub(in crate::engine) fn new() -> Disks {
        Disks::by(super::kernel::disk)
    }

    fn by(look: Look) -> Disks {
        Disks(Arc::new(Shared { look, room: Arc::new(Semaphore::new(LOOKS)), under_way: Mutex::default() }))
    }

    /// What is at a path, whenever the file system tells.
    pub(super) async fn look(&self, path: String) -> Result<Disk, Error> {
        let under_way = self.0.under_way().get(&path).cloned();
        let mut answer = match under_way {
            Some(answer) => answer,
            None => {
                let room = Arc::clone(&self.0.room).acquire_owned().await;
                self.begin(path, room.map_err(|closed| Error::Broken(closed.to_string()))?)
            }
        };
        let given = answer.wait_for(Option::is_some).await.map(|answer| (*answer).clone());
        given.ok().flatten().unwrap_or_else(|| Err(Error::Broken("the look at it failed".to_owned())))
    }

    /// Begins a look, unless one has begun since.
    fn begin(&self, path: String, room: OwnedSemaphorePermit) -> watch::Receiver<Answer> {
        let mut under_way = self.0.under_way();
        if let Some(answer) = under_way.get(&path) {
            return answer.clone();
        }
        let (answered, answer) = watch::channel(None);
        under_way.insert(path.clone(), answer.clone());
        // While the program ends, the entry may be dropped at once, and takes itself out.
        drop(under_way);
        let entry = Entry { shared: Arc::clone(&self.0), path, _room: room };
        tokio::task::spawn_blocking(move || {
            let found = (entry.shared.look)(&entry.path);
            // Who asks from now on is to hear what is true from now on.
            drop(entry);
            // Perhaps nobody waits any more.
            let _ = answered.send(Some(found));
        });
        answer
    }
}

impl Shared {
    fn under_way(&self) -> MutexGuard<'_, HashMap<String, watch::Receiver<Answer>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A look's place among those that are under way, given up when it is dropped.
struct Entry {
    shared: Arc<Shared>,
    path: String,
    _room: OwnedSemaphorePermit,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.shared.under_way().remove(&self.path);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::{
        sync::{
            Condvar,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    use tokio::time::timeout;

    use super::*;

    /// What a look at a file system that hangs waits for.
    static HANGING: (Mutex<bool>, Condvar) = (Mutex::new(true), Condvar::new());
    static LOOKS_AT_HANGING: AtomicUsize = AtomicUsize::new(0);
    /// More than anything here takes that does not hang.
    const PATIENCE: Duration = Duration::from_secs(20);
    /// Enough to see that something hangs.
    const MOMENT: Duration = Duration::from_millis(50);

    fn look(path: &str) -> Result<Disk, Error> {
        if path.starts_with("/panics") {
            panic!("as the test wants it");
        }
        if path.starts_with("/hangs") {
            LOOKS_AT_HANGING.fetch_add(1, Ordering::SeqCst);
            let hanging = HANGING.0.lock().unwrap();
            drop(HANGING.1.wait_while(hanging, |hangs| *hangs).unwrap());
        }
        let mount_point = path.to_owned();
        let (kind, inodes) = (String::new(), None);
        Ok(Disk { total: 2, free: 1, available: 1, inodes, kind, mount_point, read_only: false })
    }

    #[tokio::test]
    async fn one_that_hangs_holds_up_nobody_else() {
        let disks = Disks::by(look);
        let quick = || async { timeout(PATIENCE, disks.look("/".into())).await.unwrap().unwrap().mount_point };
        for _ in 0..2 * LOOKS {
            assert!(timeout(MOMENT, disks.look("/hangs".into())).await.is_err());
        }
        assert_eq!(LOOKS_AT_HANGING.load(Ordering::SeqCst), 1, "all wait for the same look");
        assert_eq!(quick().await, "/");

        // So many that hang are all that there is room for.
        for number in 1..LOOKS {
            assert!(timeout(MOMENT, disks.look(format!("/hangs/{number}"))).await.is_err());
        }
        assert!(timeout(MOMENT, disks.look("/".into())).await.is_err());
        assert_eq!(disks.0.under_way().len(), LOOKS);

        // Whoever waited hears the answer when it comes, and all is as before.
        let waiting = tokio::spawn({
            let disks = disks.clone();
            async move { disks.look("/hangs".into()).await }
        });
        *HANGING.0.lock().unwrap() = false;
        HANGING.1.notify_all();
        assert_eq!(timeout(PATIENCE, waiting).await.unwrap().unwrap().unwrap().mount_point, "/hangs");
        assert_eq!(quick().await, "/");
        assert!(timeout(PATIENCE, disks.0.room.acquire_many(u32::try_from(LOOKS).unwrap())).await.is_ok());
        assert_eq!(disks.0.under_way().len(), 0);
    }

    #[tokio::test]
    async fn a_look_that_fails_is_forgotten() {
        let disks = Disks::by(look);
        assert!(matches!(disks.look("/panics".into()).await, Err(Error::Broken(_))));
        assert_eq!((disks.0.under_way().len(), disks.0.room.available_permits()), (0, LOOKS));
    }
}
