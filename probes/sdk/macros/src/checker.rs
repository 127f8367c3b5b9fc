//! `#[checker]`

use proc_macro::{Delimiter, Span, TokenStream};

use crate::input::{Error, Input, unquoted};

/// Nanoseconds in what a duration can be written in; the longer of two that end alike comes first.
const UNITS: [(&str, u64); 4] =
    [("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)];

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> Result<TokenStream, Error> {
    let (name, settings) = signature(item.clone())?;
    let mut described = ["env!(\"CARGO_PKG_NAME\")", "env!(\"CARGO_PKG_DESCRIPTION\")"].map(str::to_owned);
    let (mut more, mut validate) = (String::new(), String::new());
    let mut input = Input::new(arguments);
    while !input.is_over() {
        let span = input.span();
        let word = input.word("an option of a probe")?;
        let value = input.takes("=");
        let text = |input: &mut Input| {
            let span = input.span();
            let literal = input.literal("a text")?;
            unquoted(&literal).ok_or_else(|| Error::new(span, "expected a text"))
        };
        match (word.as_str(), value) {
            ("name", true) => described[0] = format!("{:?}", text(&mut input)?),
            ("about", true) => described[1] = format!("{:?}", text(&mut input)?),
            ("interval" | "timeout", true) => {
                let span = input.span();
                let nanoseconds = nanoseconds(&text(&mut input)?).ok_or_else(|| {
                    Error::new(span, "expected a duration such as \"30s\", \"500ms\", \"5m\" or \"1h\"")
                })?;
                more += &format!(".{word}(::core::time::Duration::from_nanos({nanoseconds}))");
            }
            ("grants", true) => {
                let mut grants = Input::new(input.group(Delimiter::Bracket, "a list of texts")?.stream());
                while !grants.is_over() {
                    more += &format!(".grant({:?})", text(&mut grants)?);
                    grants.takes(",");
                }
            }
            ("passive", false) => more += ".passive()",
            ("critical", false) => more += ".critical()",
            ("validate", true) => {
                let path = input.up_to_comma();
                validate = format!(
                    "fn validate(settings: &{settings}) -> ::std::vec::Vec<::probity_guest::SettingProblem> {{ {path}(settings) }}"
                );
                continue;
            }
            _ => {
                let known = "name, about, interval, timeout, grants, validate, and passive and critical alone";
                return Err(Error::new(span, format!("a probe has no `{word}` written so; there are {known}")));
            }
        }
        input.takes(",");
    }
    let text = format!(
        "/// The probe that [`{name}`] is.
        #[allow(non_camel_case_types)]
        pub struct {name}_probe;

        impl ::probity_guest::Probe for {name}_probe {{
            type Settings = {settings};

            fn describe() -> ::probity_guest::Description {{
                let schema = <{settings} as ::probity_guest::derived::Described>::schema();
                ::probity_guest::Description::new({}, env!(\"CARGO_PKG_VERSION\"), {}, &schema){more}
            }}

            {validate}

            fn check(
                settings: &{settings},
                attempt: &mut ::probity_guest::Attempt,
            ) -> ::core::result::Result<::probity_guest::Verdict, ::probity_guest::Failure> {{
                {name}(settings, attempt)
            }}
        }}

        ::probity_guest::export!({name}_probe);",
        described[0], described[1]
    );
    let made: TokenStream =
        text.parse().map_err(|error| Error::new(Span::call_site(), format!("this probe can't be made: {error}")))?;
    Ok(item.into_iter().chain(made).collect())
}

/// A function's name, and the type that its first argument is borrowed from.
fn signature(item: TokenStream) -> Result<(String, String), Error> {
    let mut input = Input::new(item);
    input.attributes()?;
    input.visibility();
    let span = input.span();
    if !input.takes("fn") {
        return Err(Error::new(span, "a probe is a function: fn check(settings: &Settings, attempt: &mut Attempt)"));
    }
    let name = input.word("the name of a function")?;
    let arguments = input.group(Delimiter::Parenthesis, "the arguments of a function")?;
    let wrong =
        || Error::new(arguments.span(), "a probe takes its settings, and the attempt: (&Settings, &mut Attempt)");
    let mut arguments = Input::new(arguments.stream());
    arguments.next();
    if !arguments.takes(":") || !arguments.takes("&") {
        return Err(wrong());
    }
    let settings = arguments.up_to_comma();
    if settings.is_empty() || arguments.is_over() { Err(wrong()) } else { Ok((name, settings)) }
}

fn nanoseconds(text: &str) -> Option<u64> {
    let (number, unit) = UNITS.iter().find_map(|(unit, each)| Some((text.strip_suffix(unit)?, each)))?;
    number.parse::<u64>().ok()?.checked_mul(*unit)
}
