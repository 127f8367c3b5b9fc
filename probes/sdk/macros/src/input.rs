//! Reading tokens.

use std::iter::Peekable;

use proc_macro::{Delimiter, Group, Span, TokenStream, TokenTree, token_stream::IntoIter};

/// What is wrong, and where.
pub(crate) struct Error {
    span: Span,
    message: String,
}

impl Error {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into() }
    }

    /// What has the compiler say it.
    pub(crate) fn tokens(&self) -> TokenStream {
        let text = format!("::core::compile_error!({:?});", self.message);
        let tokens: TokenStream = text.parse().unwrap_or_default();
        tokens
            .into_iter()
            .map(|mut token| {
                token.set_span(self.span);
                token
            })
            .collect()
    }
}

/// Tokens that are read one after the other.
pub(crate) struct Input(Peekable<IntoIter>);

impl Input {
    pub(crate) fn new(tokens: TokenStream) -> Self {
        Self(tokens.into_iter().peekable())
    }

    pub(crate) fn peek(&mut self) -> Option<&TokenTree> {
        self.0.peek()
    }

    pub(crate) fn next(&mut self) -> Option<TokenTree> {
        self.0.next()
    }

    pub(crate) fn is_over(&mut self) -> bool {
        self.0.peek().is_none()
    }

    /// Where the next token is.
    pub(crate) fn span(&mut self) -> Span {
        self.0.peek().map_or_else(Span::call_site, TokenTree::span)
    }

    /// Takes this word or sign, if it comes next.
    pub(crate) fn takes(&mut self, wanted: &str) -> bool {
        let is = match self.0.peek() {
            Some(TokenTree::Ident(word)) => word.to_string() == wanted,
            Some(TokenTree::Punct(sign)) => wanted.chars().eq([sign.as_char()]),
            _ => false,
        };
        is && self.0.next().is_some()
    }

    /// The next word.
    pub(crate) fn word(&mut self, what: &str) -> Result<String, Error> {
        match self.0.peek() {
            Some(TokenTree::Ident(_)) => Ok(self.0.next().map(|token| token.to_string()).unwrap_or_default()),
            _ => Err(Error::new(self.span(), format!("expected {what}"))),
        }
    }

    /// The next literal, as it is written.
    pub(crate) fn literal(&mut self, what: &str) -> Result<String, Error> {
        let minus = if self.takes("-") { "-" } else { "" };
        match self.0.peek() {
            Some(TokenTree::Literal(_)) => {
                Ok(minus.to_owned() + &self.0.next().map(|token| token.to_string()).unwrap_or_default())
            }
            _ => Err(Error::new(self.span(), format!("expected {what}"))),
        }
    }

    /// The next group between these delimiters.
    pub(crate) fn group(&mut self, delimiter: Delimiter, what: &str) -> Result<Group, Error> {
        match self.0.peek() {
            Some(TokenTree::Group(group)) if group.delimiter() == delimiter => {
                let group = group.clone();
                self.0.next();
                Ok(group)
            }
            _ => Err(Error::new(self.span(), format!("expected {what}"))),
        }
    }

    /// What comes up to a comma that is not within something else, or up to the end. The comma is taken.
    pub(crate) fn up_to_comma(&mut self) -> String {
        let (mut depth, mut taken) = (0_i32, TokenStream::new());
        while let Some(token) = self.0.next() {
            match &token {
                TokenTree::Punct(sign) if sign.as_char() == ',' && depth == 0 => break,
                TokenTree::Punct(sign) if sign.as_char() == '<' => depth += 1,
                TokenTree::Punct(sign) if sign.as_char() == '>' => depth -= 1,
                _ => {}
            }
            taken.extend([token]);
        }
        taken.to_string()
    }

    /// The attributes that come next: of each its name and what it has, and where it is.
    pub(crate) fn attributes(&mut self) -> Result<Vec<(String, TokenStream, Span)>, Error> {
        let mut all = Vec::new();
        while self.takes("#") {
            let span = self.span();
            let mut within = Input::new(self.group(Delimiter::Bracket, "an attribute")?.stream());
            let name = within.word("the name of an attribute")?;
            let rest = match within.peek() {
                Some(TokenTree::Group(group)) => group.stream(),
                _ => within.0.collect(),
            };
            all.push((name, rest, span));
        }
        Ok(all)
    }

    /// Passes over `pub`, and whom something is public to.
    pub(crate) fn visibility(&mut self) {
        if self.takes("pub")
            && let Some(TokenTree::Group(group)) = self.0.peek()
            && group.delimiter() == Delimiter::Parenthesis
        {
            self.0.next();
        }
    }
}

/// The text of a string literal that has no escapes but of quotes and backslashes: that of a name or of a sentence.
pub(crate) fn unquoted(literal: &str) -> Option<String> {
    let text = literal.strip_prefix('"')?.strip_suffix('"')?;
    Some(text.replace("\\\"", "\"").replace("\\\\", "\\"))
}
