//! The parts of a request that name or say something: each is sound, or the answer says what would be.

use std::fmt;

use axum::{
    body::to_bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request, rejection::PathRejection},
    http::request::Parts,
};
use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, Visitor},
};

use super::{body, problem::Problem};
use crate::config::is_name;

/// Bytes of a body. What can be said here is a few words, and a message.
const BODY: usize = 16 * 1024;

/// The name of a check, from the path. There may be no check of that name.
pub(super) struct Name(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Name, Problem> {
        let Path(name): Path<String> = Path::from_request_parts(parts, state).await.map_err(unreadable)?;
        Name::of(name)
    }
}

impl Name {
    fn of(name: String) -> Result<Name, Problem> {
        if !is_name(&name) {
            return Err(Problem::invalid_name(
                "a check's name consists of lower-case letters, digits, `-`, `_` and `.`; /health/checks lists all",
            ));
        }
        Ok(Name(name))
    }
}

fn unreadable(rejection: PathRejection) -> Problem {
    Problem::invalid_name(rejection.body_text())
}

/// The name of a check, and what follows it in the path.
pub(super) struct NameAnd(pub(super) Name, pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for NameAnd {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<NameAnd, Problem> {
        let Path((name, more)): Path<(String, String)> =
            Path::from_request_parts(parts, state).await.map_err(unreadable)?;
        Name::of(name).map(|name| NameAnd(name, more))
    }
}

/// The query, as `T` has it.
pub(super) struct Asked<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Asked<T>, Problem> {
        let Query(asked) = Query::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Problem::invalid_value("query", rejection.body_text()))?;
        Ok(Asked(asked))
    }
}

/// The body, as `T` has it in JSON.
pub(super) struct Said<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Said<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Said<T>, Problem> {
        read_json(&read_body(request).await?).map(Said)
    }
}

/// The body likewise, of which nothing need be said: none at all is as good as an empty object, and so is null.
pub(super) struct SaidIfAny<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for SaidIfAny<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<SaidIfAny<T>, Problem> {
        let bytes = read_body(request).await?;
        let said = if bytes.is_empty() { None } else { read_json::<Option<T>>(&bytes)? };
        Ok(SaidIfAny(said.unwrap_or_default()))
    }
}

async fn read_body(request: Request) -> Result<Bytes, Problem> {
    to_bytes(request.into_body(), BODY).await.map_err(|error| body::problem(&error, BODY))
}

/// The names that a list in a query has, separated by commas.
pub(super) fn listed(list: Option<&str>) -> impl Iterator<Item = &str> {
    list.into_iter().flat_map(|list| list.split(',')).map(str::trim).filter(|name| !name.is_empty())
}

/// What JSON says, if it is as `T` has it; otherwise, which part of it is not.
pub(super) fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let said = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        match path.as_str() {
            "." | "" | "?" => Problem::invalid_body(format!("the body is not what is expected here: {error}")),
            _ => Problem::invalid_value(path, error.to_string()),
        }
    })?;
    reader.end().map_err(|error| Problem::invalid_body(format!("there is more than one value: {error}")))?;
    Ok(said)
}

/// A whole number, however it is written: `5e9` and `5.0` are such as well, and what many languages make of a product.
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    struct Whole;

    impl Visitor<'_> for Whole {
        type Value = u64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number, not below 0")
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
            Ok(number)
        }

        fn visit_f64<E: de::Error>(self, number: f64) -> Result<u64, E> {
            if number.fract() == 0.0 && number >= 0.0 {
                // What is beyond all that can be told apart is the most that can.
                return Ok(number as u64);
            }
            Err(E::invalid_value(de::Unexpected::Float(number), &self))
        }
    }

    deserializer.deserialize_any(Whole)
}

/// The same, or null.
pub(super) fn whole_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    struct Number(#[serde(deserialize_with = "whole")] u64);

    Ok(Option::<Number>::deserialize(deserializer)?.map(|Number(number)| number))
}
