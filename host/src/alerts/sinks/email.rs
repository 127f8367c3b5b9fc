//! Mail, handed to a server that sends it on.

mod submission;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::future::BoxFuture;
use lettre::{
    Address, Message,
    message::header::{self, ContentType, HeaderName, HeaderValue},
};
use probity_core::alert::Letter;

use self::submission::{Refused, Submission};
use crate::{
    alerts::delivery::{Deliver, Failure},
    config::Email,
};

pub(super) struct ByEmail {
    email: Email,
    /// Whom the message that is tried now has reached already, so that nobody gets it again because another did not.
    reached: Mutex<Reached>,
}

#[derive(Default)]
struct Reached {
    /// What names the message.
    id: Option<Arc<str>>,
    who: BTreeSet<Address>,
}

impl ByEmail {
    pub(super) fn new(email: &Email) -> ByEmail {
        ByEmail { email: email.clone(), reached: Mutex::default() }
    }

    fn write(&self, letter: &Letter) -> Result<Message, String> {
        let mut message = Message::builder()
            .from(self.email.from.clone())
            .subject(format!("[probity] {}", letter.title))
            // However often it is sent, it is the same message to whoever gets it.
            .message_id(Some(format!("<{}@{}>", letter.id, domain(&letter.node_id))))
            .header(Automatic)
            .header(ContentType::TEXT_PLAIN);
        for to in &self.email.to {
            message = message.to(to.clone());
        }
        message.body(letter.text.clone()).map_err(|error| error.to_string())
    }

    /// Who has not got this message yet.
    fn left(&self, id: &Arc<str>) -> Vec<Address> {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        if reached.id.as_ref() != Some(id) {
            *reached = Reached { id: Some(Arc::clone(id)), who: BTreeSet::new() };
        }
        let all = self.email.to.iter().map(|mailbox| &mailbox.email);
        all.filter(|who| !reached.who.contains(*who)).cloned().collect()
    }

    fn reach(&self, who: Vec<Address>) -> usize {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        reached.who.extend(who);
        reached.who.len()
    }

    async fn submit(&self, letter: &Letter) -> Result<(), Failure> {
        let message =
            self.write(letter).map_err(|error| Failure::permanent(format!("no mail can be made of it: {error}")))?;
        let mut submission = Submission::open(&self.email).await?;
        let (accepted, refused) = submission.address(&self.email.from.email, self.left(&letter.id)).await?;
        let mut reached = self.reach(Vec::new());
        if !accepted.is_empty() {
            submission.hand_over(&message.formatted()).await?;
            reached = self.reach(accepted);
        }
        submission.close().await;
        if refused.is_empty() { Ok(()) } else { Err(self.incomplete(&refused, reached)) }
    }

    /// What is to be said of those who are refused, where so many others have the message.
    fn incomplete(&self, refused: &[Refused], reached: usize) -> Failure {
        let Email { host, port, .. } = &self.email;
        let who = refused.iter().map(|one| format!("{} ({})", one.who, one.why)).collect::<Vec<_>>().join(", ");
        let message = format!("{host}:{port} did not take it for {who}");
        if reached == 0 {
            // What is wrong with each of them is put right in the configuration, and then it is sent.
            return Failure::passing(message);
        }
        let message = format!("{message}; it took it for {reached} of {}", self.email.to.len());
        let passing = refused.iter().any(|one| !one.permanent);
        Failure { permanent: !passing, ..Failure::passing(message) }
    }
}

impl Deliver for ByEmail {
    fn deliver<'a>(&'a self, letter: &'a Letter) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(self.submit(letter))
    }
}

/// What stands behind the `@` of a message's id.
fn domain(node_id: &str) -> String {
    let letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.');
    let domain: String = node_id.chars().filter(|found| letter(*found)).collect();
    if domain.is_empty() { "probity".into() } else { domain }
}

/// That no machine is to answer (RFC 3834, section 5).
#[derive(Clone)]
struct Automatic;

impl header::Header for Automatic {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Automatic, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Automatic)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Automatic::name(), "auto-generated".to_owned())
    }
}
