//! Hints that it may be worth looking: the kernel's file events, and nothing more than that.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

/// Watches folders, and rings a bell when something happened in one of them.
pub struct Watch {
    watcher: Option<RecommendedWatcher>,
    bell: Arc<Notify>,
    /// The folders, and the inode that each had when its watch was set: a folder that was moved away and made again is
    /// another one, and the old watch is silent.
    folders: BTreeMap<PathBuf, Option<u64>>,
}

impl Watch {
    /// Watches the probes' folder, and the configuration's file by way of its folder, whether they exist yet or not. Where
    /// the system offers no events, the bell stays silent, and only the periodic look finds changes.
    #[must_use]
    pub fn new(probes: PathBuf, config: Option<&Path>) -> Watch {
        let beside = config
            .and_then(Path::parent)
            .map(|folder| if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() });
        let folders = [Some(probes.clone()), beside].into_iter().flatten().map(|folder| (folder, None)).collect();
        // Events name their files in full.
        let probes = std::path::absolute(&probes).unwrap_or(probes);
        let bell = Arc::new(Notify::new());
        let ring = Arc::clone(&bell);
        let config = config.and_then(Path::file_name).map(ToOwned::to_owned);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let touched = event.map_or(true, |event| {
                // Reading a file is an event as well, and reading is what a look does.
                let written = !matches!(event.kind, EventKind::Access(access) if !is_close_of_write(access));
                written
                    && (event.paths.is_empty()
                        || event.paths.iter().any(|path| concerns(path, &probes, config.as_deref())))
            });
            if touched {
                ring.notify_one();
            }
        });
        let watcher = watcher
            .inspect_err(|error| {
                tracing::warn!(
                    "no file events on this system ({error}); changes are found by looking every few seconds"
                );
            })
            .ok();
        let mut watch = Watch { watcher, bell, folders };
        watch.rearm();
        watch
    }

    /// Waits until something happened.
    pub async fn hint(&self) {
        self.bell.notified().await;
    }

    /// Sets the watch anew on folders that are not what they were.
    pub fn rearm(&mut self) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        for (folder, watched) in &mut self.folders {
            let inode = inode(folder);
            if inode == *watched {
                continue;
            }
            if watched.is_some() {
                // The old watch may have died with its folder; then there is nothing to remove.
                let _ = watcher.unwatch(folder);
            }
            *watched = inode.filter(|_| match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => true,
                Err(error) => {
                    tracing::warn!(
                        "no file events from {} ({error}); its changes are found by looking",
                        folder.display()
                    );
                    false
                }
            });
        }
    }
}

/// Whether a change of this path is one of ours. The configuration's folder may be a busy place.
fn concerns(path: &Path, probes: &Path, config: Option<&OsStr>) -> bool {
    let name = path.file_name();
    path.starts_with(probes)
        || (name.is_some() && name == config)
        // A ConfigMap is replaced by swapping the link `..data`; the file's own name is in no event.
        || name.is_some_and(|name| name.as_encoded_bytes().starts_with(b".."))
}

fn is_close_of_write(access: notify::event::AccessKind) -> bool {
    use notify::event::{AccessKind, AccessMode};
    access == AccessKind::Close(AccessMode::Write)
}

fn inode(folder: &Path) -> Option<u64> {
    std::fs::metadata(folder).ok().map(|about| about.ino())
}
