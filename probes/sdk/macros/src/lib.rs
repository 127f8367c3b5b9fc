//! The macros of `probity-guest`, which says what they are for.
//!
//! They read the little of Rust that they have to, token by token: a parser for all of it takes longer to compile than a probe.

mod checker;
mod input;
mod settings;

use proc_macro::TokenStream;

/// Makes a function a probe: see `probity_guest::checker`.
#[proc_macro_attribute]
pub fn checker(arguments: TokenStream, item: TokenStream) -> TokenStream {
    checker::expand(arguments, item).unwrap_or_else(|error| error.tokens())
}

/// Derives a JSON Schema of a struct that serde reads: see `probity_guest::Settings`.
#[proc_macro_derive(Settings, attributes(setting))]
pub fn settings(item: TokenStream) -> TokenStream {
    settings::expand(item).unwrap_or_else(|error| error.tokens())
}
