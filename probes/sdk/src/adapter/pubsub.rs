//! Adapters for brokers that carry messages.

use std::{marker::PhantomData, time::Duration};

use super::{Adapter, Held};
use crate::{
    Attempt, Description, Failure, Run, SettingProblem,
    bindings::probity::probe::types::{self, Nanoseconds},
    clock::Deadline,
    more_bindings::pubsub_adapter::exports::probity::probe::pubsub,
    settings::accept,
};

pub use pubsub::Message;

/// A session with a broker. It lives for one run.
pub trait PubSub: Adapter {
    /// Makes what is published to a channel come here; returns when the broker has agreed to it. A channel is a word of letters,
    /// digits and `-`.
    ///
    /// # Errors
    ///
    /// As for [`open`](Adapter::open).
    fn subscribe(&mut self, channel: &str, attempt: &mut Attempt) -> Result<(), Failure>;

    /// Sends a message to everybody who listens to a channel, this session included.
    ///
    /// # Errors
    ///
    /// As for [`open`](Adapter::open).
    fn publish(&mut self, channel: &str, payload: &[u8], attempt: &mut Attempt) -> Result<(), Failure>;

    /// The next message that was subscribed to, whoever sent it; none if none comes until then.
    ///
    /// # Errors
    ///
    /// As for [`open`](Adapter::open).
    fn receive(&mut self, until: Deadline) -> Result<Option<Message>, Failure>;
}

/// Exports a [`PubSub`] as the `pubsub` of this component.
///
/// On anything but Wasm it exports nothing, and an adapter's own tests run as those of any crate do.
#[macro_export]
macro_rules! export_pubsub {
    ($adapter:ty) => {
        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code)]
        const _: () = {
            type Component = $crate::adapter::ExportedPubSub<$adapter>;
            $crate::more_bindings::pubsub_adapter::export!(
                Component with_types_in $crate::more_bindings::pubsub_adapter
            );
        };
    };
}

/// What [`export_pubsub!`](crate::export_pubsub) exports: speaks the contract, and leaves the rest to the adapter.
#[doc(hidden)]
pub struct ExportedPubSub<A>(PhantomData<A>);

impl<A: PubSub> pubsub::Guest for ExportedPubSub<A> {
    type Session = Held<A>;

    fn describe() -> Description {
        A::describe()
    }

    fn validate(settings: String) -> Vec<SettingProblem> {
        accept(&settings, A::validate).err().unwrap_or_default()
    }
}

impl<A: PubSub> pubsub::GuestSession for Held<A> {
    fn open(settings: String, run: Run) -> Result<pubsub::Session, types::Failure> {
        Held::<A>::open(&settings, run).map(pubsub::Session::new)
    }

    fn peer(&self) -> String {
        Held::peer(self)
    }

    fn subscribe(&self, channel: String) -> Result<(), types::Failure> {
        self.call(|adapter, attempt| adapter.subscribe(&channel, attempt))
    }

    fn publish(&self, channel: String, payload: Vec<u8>) -> Result<(), types::Failure> {
        self.call(|adapter, attempt| adapter.publish(&channel, &payload, attempt))
    }

    fn receive(&self, wait: Nanoseconds) -> Result<Option<Message>, types::Failure> {
        self.call(|adapter, attempt| adapter.receive(attempt.deadline().within(Duration::from_nanos(wait))))
    }

    fn examine(&self) -> Result<types::Examination, types::Failure> {
        Held::examine(self)
    }

    fn close(&self) {
        Held::close(self);
    }
}
