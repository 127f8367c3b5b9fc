//! What is tried out, and is for those alone who ask for it.

/// What is tried out here, and whether it is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Experiments {
    /// Components that wait for several things at once, by the asynchronous functions of WASI 0.3.
    pub wasi_0_3: bool,
}

impl Experiments {
    /// The word for WASI 0.3.
    pub const WASI_0_3: &'static str = "wasi-0.3";
    /// The words for all of them.
    pub const WORDS: [&'static str; 1] = [Self::WASI_0_3];
    /// All of them.
    pub const ALL: Experiments = Experiments { wasi_0_3: true };

    /// The words for those that are on.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        self.wasi_0_3.then_some(Self::WASI_0_3).into_iter()
    }

    /// Those that are named.
    #[must_use]
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Experiments {
        names
            .into_iter()
            .fold(Experiments::default(), |all, name| Experiments { wasi_0_3: all.wasi_0_3 || name == Self::WASI_0_3 })
    }
}
