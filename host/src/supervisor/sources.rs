//! What is wanted by the configuration and the side-cars: the last good ones of them, and what is wrong with those that lie there.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use probity_core::alert::Family;

use super::{Loader, reloads::Reloads};
use crate::{
    board::{InForce, Source},
    catalog::{Listing, Text},
    config::{Check, Config, Http, Origin, Report, in_a_circle},
};

/// What the folder and the configuration want.
pub(super) struct Sources {
    /// The last good one.
    pub(super) config: Config,
    seen: Seen,
    sidecars: BTreeMap<PathBuf, Seen>,
    /// What can't be had, as something else has its place, by where it is written.
    conflicts: BTreeMap<PathBuf, String>,
    folder: Folder,
}

/// How the folder was found.
enum Folder {
    /// Nobody has looked yet.
    Unseen,
    /// It is not there and never was, which is as good as an empty one if nobody named it.
    Awaited,
    /// It was read.
    Read,
    /// It can't be read, and why.
    Unreadable(String),
}

/// What became of a configuration file.
#[derive(Default)]
struct Seen {
    /// The text that was last made use of, or rejected.
    text: Option<Arc<str>>,
    error: Option<String>,
    /// It was right once, and what it said then goes on while it is wrong.
    was_right: bool,
    checks: Vec<Arc<Check>>,
}

impl Sources {
    /// Those of a configuration that has been read, from this text.
    pub(super) fn new(config: Config, text: Option<Arc<str>>) -> Sources {
        Sources {
            config,
            seen: Seen { text, was_right: true, ..Seen::default() },
            sidecars: BTreeMap::new(),
            conflicts: BTreeMap::new(),
            folder: Folder::Unseen,
        }
    }

    /// Has all files read again at the next look, though they have not changed.
    pub(super) fn forget_texts(&mut self) {
        self.seen.text = None;
        self.sidecars.values_mut().for_each(|seen| seen.text = None);
    }

    /// Takes in whether the folder could be read.
    pub(super) fn take_folder(&mut self, read: io::Result<()>, reloads: &mut Reloads) -> bool {
        match read {
            Ok(()) => {
                let shown = self.config.probes.display();
                match self.folder {
                    Folder::Awaited => tracing::info!("the folder {shown} is there now"),
                    Folder::Unreadable(_) => tracing::info!("the folder {shown} is back"),
                    Folder::Unseen | Folder::Read => {}
                }
                self.folder = Folder::Read;
                true
            }
            Err(error) if self.may_be_missing(&error) => {
                if !matches!(self.folder, Folder::Awaited) {
                    let shown = self.config.probes.display();
                    tracing::info!("there is no folder {shown}; probes that are dropped there count once there is");
                    self.folder = Folder::Awaited;
                }
                false
            }
            Err(error) => {
                let error = format!("the folder can't be read: {error}; what was loaded from it goes on");
                if !matches!(&self.folder, Folder::Unreadable(known) if *known == error) {
                    reloads.rejected(self.config.probes.display(), &*error);
                    self.folder = Folder::Unreadable(error);
                }
                false
            }
        }
    }

    /// Whether it is no error that the folder can't be read: whoever has no probes of their own needs none.
    fn may_be_missing(&self, error: &io::Error) -> bool {
        let never_there = matches!(self.folder, Folder::Unseen | Folder::Awaited);
        error.kind() == io::ErrorKind::NotFound && never_there && !self.config.probes_named
    }

    /// Reads the configuration; whether there is another one in force now.
    pub(super) fn read_config(&mut self, loader: &Loader, listing: &Listing, reloads: &mut Reloads) -> bool {
        let Some(file) = &listing.config else {
            if let (Some(path), None) = (&loader.path, &self.seen.error) {
                let error = "the file is gone; what it said stays in force";
                reloads.rejected(path.display(), error);
                self.seen = Seen { error: Some(error.into()), was_right: true, ..Seen::default() };
            }
            return false;
        };
        let (path, overrides, surroundings) = (&file.path, &loader.overrides, loader.surroundings());
        match self.seen.read(file, |text| Config::parse(path, text, overrides, surroundings)) {
            None => false,
            Some(Ok(config)) => {
                warn_of_what_needs_a_restart(&self.config, &config);
                self.config = Config {
                    probes: self.config.probes.clone(),
                    probes_named: self.config.probes_named,
                    bounds: self.config.bounds,
                    experiments: self.config.experiments,
                    ..config
                };
                // Side-cars are read with the defaults of the configuration.
                self.sidecars.values_mut().for_each(|seen| seen.text = None);
                reloads.taken(path.display(), None);
                true
            }
            Some(Err(error)) => {
                reloads.rejected(path.display(), self.seen.what_stays(&error));
                false
            }
        }
    }

    /// Reads the side-cars.
    pub(super) fn read_sidecars(&mut self, loader: &Loader, listing: &Listing, reloads: &mut Reloads) {
        self.sidecars.retain(|path, _| listing.sidecars.values().any(|file| file.path == *path));
        for (stem, file) in &listing.sidecars {
            let (config, surroundings) = (&self.config, loader.surroundings());
            let seen = self.sidecars.entry(file.path.clone()).or_default();
            match seen.read(file, |text| config.sidecar(&file.path, text, stem, surroundings)) {
                None => {}
                Some(Ok(checks)) => {
                    seen.checks = checks;
                    reloads.taken(file.path.display(), None);
                }
                Some(Err(error)) => reloads.rejected(file.path.display(), seen.what_stays(&error)),
            }
        }
    }

    /// Every check that should run: of the configuration first, then of the side-cars, then one for each dropped component
    /// that no other check uses. Of two with the same name the first counts, and the other is told of.
    pub(super) fn wanted<'a>(&mut self, dropped: impl Iterator<Item = (&'a String, &'a PathBuf)>) -> Vec<Arc<Check>> {
        self.conflicts.clear();
        let mut taken: BTreeMap<&str, &Origin> = BTreeMap::new();
        let mut used: BTreeSet<&str> = BTreeSet::new();
        let mut wanted = Vec::new();
        let written = self.config.checks.iter().chain(self.sidecars.values().flat_map(|seen| &seen.checks));
        for check in written {
            used.insert(&check.probe);
            if let Some(first) = taken.get(&*check.name) {
                let conflict =
                    format!("a check `{}` is already defined at {first}; give this one another name", check.name);
                self.conflicts.insert(check.origin.file.to_path_buf(), conflict);
                continue;
            }
            taken.insert(&check.name, &check.origin);
            wanted.extend(check.enabled.then(|| Arc::clone(check)));
        }
        for (name, path) in dropped.filter(|(name, _)| !used.contains(name.as_str())) {
            if let Some(first) = taken.get(name.as_str()) {
                let conflict = format!(
                    "its check would be named `{name}`, and one is already defined at {first}; rename the file"
                );
                self.conflicts.insert(path.clone(), conflict);
                continue;
            }
            wanted.push(Arc::new(Check::of_component(name, Origin::of_file(path), &self.config.defaults)));
        }
        self.refuse_circles(&mut wanted);
        wanted
    }

    /// Leaves out what would depend on itself, by way of other files: within one, that is refused when it is read.
    fn refuse_circles(&mut self, wanted: &mut Vec<Arc<Check>>) {
        loop {
            let dependent = wanted.iter().filter(|check| !check.depends_on.is_empty());
            let Some(circle) = Family::new(dependent.map(|check| check.dependencies())).circle() else {
                return;
            };
            let last = wanted.iter().rposition(|check| circle.iter().any(|name| **name == *check.name));
            let Some(check) = last.map(|at| wanted.remove(at)) else { return };
            let conflict = format!("depends_on of `{}`: {}", check.name, in_a_circle(&circle));
            self.conflicts.insert(check.origin.file.to_path_buf(), conflict);
        }
    }

    /// Every file of configuration, and the folder, each with what is wrong with it.
    pub(super) fn publish(&self, loader: &Loader, listing: &Listing) -> Vec<Source> {
        let (error, in_force) = match &self.folder {
            Folder::Unreadable(error) => (Some(error.clone()), InForce::Earlier),
            Folder::Unseen | Folder::Awaited | Folder::Read => (None, InForce::Whole),
        };
        let folder = Source { path: self.config.probes.clone(), error, in_force };
        let config = loader.path.iter().map(|path| self.seen.publish(path, self.conflicts.get(path)));
        let sidecars = self.sidecars.iter().map(|(path, seen)| seen.publish(path, self.conflicts.get(path)));
        let components = listing.components.values().filter_map(|file| {
            let error = self.conflicts.get(&file.path)?.clone();
            Some(Source { path: file.path.clone(), error: Some(error), in_force: InForce::Nothing })
        });
        config.chain([folder]).chain(sidecars).chain(components).collect()
    }
}

impl Seen {
    /// Reads a text that is new, and keeps what is wrong with it. `None` if it is not new, or is still being written: half
    /// a configuration can be a right one, and would stop the checks of the other half.
    fn read<T>(&mut self, file: &Text, parse: impl FnOnce(&str) -> Result<T, Report>) -> Option<Result<T, String>> {
        if !file.settled {
            return None;
        }
        let result = match &file.text {
            Ok(text) if self.text.as_ref() == Some(text) => return None,
            Ok(text) => parse(text).map_err(|report| report.to_string()),
            Err(error) => Err(error.clone()),
        };
        match result {
            Ok(value) => {
                self.text = file.text.clone().ok();
                (self.error, self.was_right) = (None, true);
                Some(Ok(value))
            }
            Err(error) => {
                self.text = file.text.clone().ok();
                let before = self.error.replace(error.clone());
                (before.as_ref() != Some(&error)).then_some(Err(error))
            }
        }
    }

    /// What is wrong with it, and what goes on meanwhile.
    fn what_stays(&self, error: &str) -> String {
        if self.was_right {
            format!("the last good one stays in force, as this one is wrong:\n{error}")
        } else {
            format!("nothing of it is in force, as it is wrong:\n{error}")
        }
    }

    /// What there is to say of it, `conflict` being what of it can't be had.
    fn publish(&self, path: &Path, conflict: Option<&String>) -> Source {
        let in_force = match (&self.error, conflict) {
            (Some(_), _) if self.was_right => InForce::Earlier,
            (Some(_), _) => InForce::Nothing,
            (None, Some(_)) => InForce::Part,
            (None, None) => InForce::Whole,
        };
        Source { path: path.to_owned(), error: self.error.as_ref().or(conflict).cloned(), in_force }
    }
}

fn warn_of_what_needs_a_restart(old: &Config, new: &Config) {
    let changed = [
        ("listen", old.listen != new.listen),
        ("probes", old.probes != new.probes),
        ("data_dir", old.data_dir != new.data_dir),
        ("node_id", old.node_id != new.node_id),
        ("max_in_flight", old.max_in_flight != new.max_in_flight),
        ("max_live_connections", old.max_live_connections != new.max_live_connections),
        ("limits.component_size, .compile_time or .compile_memory", old.bounds != new.bounds),
        ("experimental", old.experiments != new.experiments),
        // Who may ask is taken up at once.
        ("http", old.http != Http { auth: old.http.auth.clone(), ..new.http.clone() }),
        ("otlp", old.otlp != new.otlp),
        ("probe.max_runs", old.probing.max_runs != new.probing.max_runs),
        ("events", old.events != new.events),
        ("history", old.history != new.history),
    ];
    for (key, _) in changed.iter().filter(|(_, changed)| *changed) {
        tracing::warn!("`{key}` was changed, and takes effect when the runner is started again");
    }
}
