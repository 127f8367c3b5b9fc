//! How the writer comes by a store: it opens what there is, reads it once, goes on with it, and sets aside what is damaged.

use std::{
    fs,
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Instant,
};

use super::{
    super::{
        Before, Handover,
        db::{self, Db, Trouble},
        holder::Holder,
        keys,
        load::{FRAME, Loaded, RESERVED, load},
        lock,
        phases::Phases,
        record::{self, Frame},
    },
    RETRY, Writer,
};

impl Writer {
    /// Looks at a store in trouble again.
    pub(super) fn reopen(&mut self) {
        let held = match &self.holder {
            Some(_) => Ok(()),
            None => Holder::hold(&self.folder).map(|holder| self.holder = Some(holder)),
        };
        let late = !self.loaded;
        let opened = held.map_err(|unheld| Trouble::Disk(unheld.to_string())).and_then(|()| self.open());
        let written = opened.and_then(|_| {
            if late {
                self.take_over();
            }
            // What can be opened can't always be written.
            self.write()
        });
        match written {
            Ok(()) => {
                self.serve();
                tracing::info!("history is kept again");
            }
            Err(trouble) => self.trouble(trouble),
        }
    }

    /// The store can be read and written: readers have it from now on.
    pub(super) fn serve(&mut self) {
        self.retry = (Instant::now(), RETRY.0);
        self.common.db.store(self.db.clone());
        self.common.read.store(true, Ordering::Release);
        self.common.standings.works();
    }

    /// Opens what there is, and reads it if nothing was read before; returns what the events were then.
    pub(super) fn open(&mut self) -> Result<Option<Before>, Trouble> {
        let db = match Db::open_or_begin(&self.folder.join("db")) {
            Err(Trouble::Damaged(why)) => {
                self.set_aside(&why)
                    .map_err(|error| Trouble::Disk(format!("{why}; it can't be set aside: {error}")))?;
                Db::open_or_begin(&self.folder.join("db"))?
            }
            opened => opened?,
        };
        let before = if self.loaded {
            self.go_on(&db)?;
            None
        } else {
            match self.read(&db) {
                Err(Trouble::Damaged(why)) => {
                    drop(db);
                    self.set_aside(&why)
                        .map_err(|error| Trouble::Disk(format!("{why}; it can't be set aside: {error}")))?;
                    return self.open();
                }
                read => Some(read?),
            }
        };
        self.common.size.store(db.size(), Ordering::Relaxed);
        self.db = Some(Arc::new(db));
        self.opened = Instant::now();
        Ok(before)
    }

    fn read(&mut self, db: &Db) -> Result<Before, Trouble> {
        let opened = self.common.clock.now().wall;
        let Loaded { frame, last, until, events, mut tracks, lives, phases } =
            load(db, self.common.sizes, &self.instance, opened)?;
        for track in tracks.values_mut() {
            track.begin(opened, db, &mut self.pending);
        }
        self.next = tracks.values().map(|track| track.id).max().unwrap_or(0) + 1;
        let known = tracks.iter().map(|(name, track)| (Arc::clone(name), Arc::clone(&track.known)));
        *self.common.known.write().unwrap_or_else(PoisonError::into_inner) = known.collect();
        self.common.handover.store(Arc::new(Handover { until, opened }));
        *lock(&self.common.lives) = lives;
        self.phases = Phases::new(Arc::clone(&self.common.phases), phases);
        let before = Before { instance: frame.instance.clone(), last, events };
        (self.frame, self.tracks, self.loaded) = (frame, tracks, true);
        Ok(before)
    }

    /// Goes on with what was read only after this runner had begun. Its events have numbers of their own by now, so those of before can't
    /// be told any more; how checks lived is told to whoever keeps them, who has lived on.
    fn take_over(&mut self) {
        self.frame = Frame { instance: self.instance.clone(), reserved: self.last + RESERVED, ..self.frame.clone() };
        for place in 0..self.common.sizes.events {
            self.pending.insert(keys::event(place, self.common.sizes.events), None);
        }
        self.pending.insert(keys::meta(FRAME), Some(record::write(&self.frame)));
    }

    /// Goes on with a store that was open before, or with an empty one in its place.
    fn go_on(&mut self, db: &Db) -> Result<(), Trouble> {
        let same = db.get(&keys::meta(FRAME))?.and_then(|bytes| record::read::<Frame>(&bytes));
        if same.is_some_and(|frame| frame.instance == self.frame.instance) && !std::mem::take(&mut self.incomplete) {
            return Ok(());
        }
        for (name, track) in &self.tracks {
            track.save_all(name, &mut self.pending);
        }
        for (number, name) in self.phases.all() {
            self.pending.insert(keys::phase(number), Some(name.as_bytes().to_vec()));
        }
        self.pending.insert(keys::meta(FRAME), Some(record::write(&self.frame)));
        Ok(())
    }

    /// Moves a damaged store out of the way, in the place of one that was before. One in which nothing was kept is not worth that.
    pub(super) fn set_aside(&mut self, why: &str) -> std::io::Result<()> {
        let (damaged, aside) = (self.folder.join("db"), self.folder.join("damaged"));
        if !db::holds_anything(&damaged).map_err(std::io::Error::other)? {
            return db::remove(&damaged);
        }
        db::remove(&aside)?;
        fs::rename(&damaged, &aside)?;
        self.common.damaged.fetch_add(1, Ordering::Relaxed);
        self.incomplete = true;
        let when = self.common.clock.now().wall.round(jiff::Unit::Second).unwrap_or_default();
        let message = format!(
            "keeps what happens since {when}: what there was before was damaged ({why}) and lies in {}",
            aside.display()
        );
        tracing::error!("history {message}");
        self.common.standings.begins_anew(message);
        Ok(())
    }
}
