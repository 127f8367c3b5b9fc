//! The probes: which there are, and how far each has come from its file to being ready.
//!
//! A new version is made ready beside the old one, which goes on until then, and for ever if the new one is no good.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::PathBuf,
    sync::{Arc, Weak},
};

use super::{reloads::Reloads, standard};
use crate::{
    board::{ProbeInfo, ProbeSource, ProbeState},
    catalog::{self, File, LoadFlaw},
    engine::{self, LoadError, Prepared},
    trust::{Trust, Voucher},
};

/// A component that is to be made ready.
pub(super) struct Job {
    pub(super) digest: Arc<str>,
    source: Source,
    limit: u64,
}

impl Job {
    /// Reads the component.
    pub(super) fn read(self) -> io::Result<Vec<u8>> {
        match self.source {
            Source::Standard(bytes) => Ok(bytes.to_vec()),
            Source::File(path) => catalog::read_component(&path, self.limit),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Source {
    Standard(&'static [u8]),
    File(PathBuf),
}

struct Probe {
    source: Source,
    /// What should run.
    wanted: Arc<str>,
    /// What does.
    current: Option<Arc<Prepared>>,
    generation: u64,
    /// Why what should run does not.
    rejected: Option<String>,
    /// Whether that is for want of trust, which may come without any change of the file.
    distrusted: bool,
    /// Why what should run is trusted.
    voucher: Voucher,
    /// Why what does is.
    vouched: Voucher,
}

/// What there is of a probe that a check asks for.
pub(super) enum Found<'a> {
    /// It is ready.
    Ready(&'a Arc<Prepared>),
    /// It will be ready, or rejected, soon.
    Soon,
    /// There is none, and why.
    Never(String),
}

/// All probes, by name.
pub(super) struct Probes {
    probes: BTreeMap<String, Probe>,
    /// What is ready, by digest, for as long as anybody uses it: equal files are compiled once.
    ready: HashMap<Arc<str>, Weak<Prepared>>,
    /// What is being made ready.
    loading: std::collections::HashSet<Arc<str>>,
    limit: u64,
    pub(super) reloads: Reloads,
}

impl Probes {
    pub(super) fn new(limit: u64, reloads: Reloads) -> Probes {
        let mut probes = Probes {
            probes: BTreeMap::new(),
            ready: HashMap::new(),
            loading: std::collections::HashSet::new(),
            limit,
            reloads,
        };
        probes.put_standard_ones_back();
        probes
    }

    /// Takes in what lies in the folder now, and was judged by this trust; what there is to be made ready is returned.
    pub(super) fn take_listing(&mut self, files: &BTreeMap<String, File>, trust: &Trust) -> Vec<Job> {
        self.probes.retain(|name, probe| matches!(probe.source, Source::Standard(_)) || files.contains_key(name));
        self.put_standard_ones_back();
        let mut jobs = Vec::new();
        for (name, file) in files {
            let source = Source::File(file.path.clone());
            let probe = match self.probes.get_mut(name) {
                Some(probe) if probe.source == source => probe,
                _ => {
                    if standard::find(name).is_some() {
                        tracing::info!(probe = name, "{} hides the standard probe of this name", file.path.display());
                    }
                    self.probes.insert(name.clone(), Probe::new(source, "".into()));
                    let Some(probe) = self.probes.get_mut(name) else { continue };
                    probe
                }
            };
            probe.see_to_trust(name, file, trust);
            let voucher = match &file.verdict {
                Ok(voucher) => *voucher,
                // A file that is still being written may yet become whole.
                Err(_) if !file.settled => continue,
                Err(flaw) => {
                    probe.distrusted = matches!(flaw, LoadFlaw::Untrusted(_));
                    probe.reject(name, &file.digest, flaw.to_string(), &mut self.reloads);
                    continue;
                }
            };
            probe.voucher = voucher;
            if probe.distrusted
                || probe.wanted != file.digest
                || (probe.rejected.is_none() && !probe.runs_what_it_should())
            {
                probe.wanted = Arc::clone(&file.digest);
                probe.rejected = None;
                probe.distrusted = false;
                jobs.extend(self.make_ready(name));
            }
        }
        jobs
    }

    /// Has a probe made ready if that was not done yet: standard ones are, when the first check asks.
    pub(super) fn need(&mut self, name: &str) -> Option<Job> {
        let probe = self.probes.get(name)?;
        let idle = probe.current.is_none() && probe.rejected.is_none() && !self.loading.contains(&probe.wanted);
        if idle && !probe.wanted.is_empty() { self.make_ready(name) } else { None }
    }

    /// Takes in what came of a job.
    pub(super) fn take_result(&mut self, digest: &Arc<str>, result: Result<Arc<Prepared>, LoadError>) {
        self.loading.remove(digest);
        if let Ok(prepared) = &result {
            self.ready.retain(|_, prepared| prepared.strong_count() > 0);
            self.ready.insert(Arc::clone(digest), Arc::downgrade(prepared));
        }
        for (name, probe) in self.probes.iter_mut().filter(|(_, probe)| probe.wanted == *digest) {
            match &result {
                Ok(prepared) => {
                    probe.adopt(name, Arc::clone(prepared), &mut self.reloads);
                }
                // The next look finds what it was changed into.
                Err(LoadError::Changed) => probe.wanted = "".into(),
                Err(error) => probe.reject(name, digest, error.to_string(), &mut self.reloads),
            }
        }
    }

    pub(super) fn find(&self, name: &str) -> Found<'_> {
        match self.probes.get(name) {
            None => Found::Never(format!(
                "there is no probe `{name}`: no file {name}.wasm in the folder, and no standard probe of this name ({})",
                standard::names().collect::<Vec<_>>().join(", ")
            )),
            Some(Probe { current: Some(prepared), .. }) => Found::Ready(prepared),
            Some(Probe { rejected: Some(reason), .. }) => {
                Found::Never(format!("the probe `{name}` can't be used: {reason}"))
            }
            Some(_) => Found::Soon,
        }
    }

    /// The names of the components in the folder that are ready.
    pub(super) fn dropped(&self) -> impl Iterator<Item = (&String, &PathBuf)> {
        self.probes.iter().filter_map(|(name, probe)| match &probe.source {
            Source::File(path) if probe.current.is_some() => Some((name, path)),
            _ => None,
        })
    }

    /// Whether anything is on its way to being ready.
    pub(super) fn busy(&self) -> bool {
        !self.loading.is_empty()
    }

    pub(super) fn publish(&self) -> Vec<ProbeInfo> {
        self.probes.iter().map(|(name, probe)| probe.publish(name, self.loading.contains(&probe.wanted))).collect()
    }

    fn put_standard_ones_back(&mut self) {
        for (name, bytes) in standard::all() {
            self.probes
                .entry(name.to_owned())
                .or_insert_with(|| Probe::new(Source::Standard(bytes), engine::digest(bytes).into()));
        }
    }

    fn make_ready(&mut self, name: &str) -> Option<Job> {
        let probe = self.probes.get_mut(name)?;
        if let Some(prepared) = self.ready.get(&probe.wanted).and_then(Weak::upgrade) {
            probe.adopt(name, prepared, &mut self.reloads);
            return None;
        }
        let job = Job { digest: Arc::clone(&probe.wanted), source: probe.source.clone(), limit: self.limit };
        self.loading.insert(Arc::clone(&job.digest)).then_some(job)
    }
}

impl Probe {
    fn new(source: Source, wanted: Arc<str>) -> Probe {
        Probe {
            source,
            wanted,
            current: None,
            generation: 0,
            rejected: None,
            distrusted: false,
            voucher: Voucher::Nobody,
            vouched: Voucher::Nobody,
        }
    }

    /// Stops what runs if it was trusted for a reason that is none any more: the operator said so, and means it.
    fn see_to_trust(&mut self, name: &str, file: &File, trust: &Trust) {
        let Some(running) = &self.current else {
            return;
        };
        // It still lies there, and was judged anew.
        if let (true, Ok(voucher)) = (running.digest == file.digest, &file.verdict) {
            self.vouched = *voucher;
        }
        if !trust.holds(self.vouched, name, &running.digest) {
            tracing::warn!(probe = name, "what ran is not trusted any more, and does not go on");
            self.current = None;
        }
    }

    fn runs_what_it_should(&self) -> bool {
        self.current.as_ref().is_some_and(|prepared| prepared.digest == self.wanted)
    }

    fn adopt(&mut self, name: &str, prepared: Arc<Prepared>, reloads: &mut Reloads) {
        self.generation += 1;
        self.rejected = None;
        reloads.taken(name, Some(self.generation));
        self.vouched = self.voucher;
        self.current = Some(prepared);
    }

    /// Remembers why a component is no good, and tells it if that is new.
    fn reject(&mut self, name: &str, digest: &Arc<str>, reason: String, reloads: &mut Reloads) {
        if self.wanted == *digest && self.rejected.as_ref() == Some(&reason) {
            return;
        }
        let instead = if self.current.is_some() { "; the last good one goes on" } else { "" };
        reloads.rejected(name, format!("{reason}{instead}"));
        self.wanted = Arc::clone(digest);
        self.rejected = Some(reason);
    }

    fn publish(&self, name: &str, loading: bool) -> ProbeInfo {
        let prepared = self.current.as_ref();
        let manifest = prepared.and_then(|prepared| prepared.manifest.as_ref());
        ProbeInfo {
            name: name.into(),
            source: match &self.source {
                Source::Standard(_) => ProbeSource::Standard,
                Source::File(path) => ProbeSource::File(path.clone()),
            },
            state: match (&self.rejected, prepared) {
                (Some(reason), _) => ProbeState::Rejected(reason.clone()),
                (None, Some(_)) if self.runs_what_it_should() => ProbeState::Loaded,
                (None, _) if loading || self.wanted.is_empty() => ProbeState::Loading,
                (None, _) => ProbeState::Available,
            },
            digest: prepared.map(|prepared| Arc::clone(&prepared.digest)),
            generation: self.generation,
            size: prepared.map(|prepared| prepared.size),
            version: manifest.map(|manifest| manifest.version.clone()),
            description: manifest.map(|manifest| manifest.description.clone()),
            imports: prepared.map(|prepared| prepared.shape.imports.clone()).unwrap_or_default(),
            hides_standard: matches!(self.source, Source::File(_)) && standard::find(name).is_some(),
        }
    }
}
