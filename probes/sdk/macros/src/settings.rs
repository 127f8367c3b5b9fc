//! `#[derive(Settings)]`

use proc_macro::{Delimiter, Span, TokenStream};

use crate::input::{Error, Input, unquoted};

/// What the options of a setting are called in a JSON Schema.
const OPTIONS: [(&str, &str); 6] = [
    ("minimum", "minimum"),
    ("maximum", "maximum"),
    ("min_length", "minLength"),
    ("max_length", "maxLength"),
    ("pattern", "pattern"),
    ("examples", "examples"),
];

/// What is known of one field.
#[derive(Default)]
struct Field {
    name: String,
    of: String,
    description: String,
    /// A function that makes what stands where nothing is given.
    default: Option<String>,
    /// Members of its schema, in JSON.
    options: Vec<(&'static str, String)>,
}

pub(crate) fn expand(item: TokenStream) -> Result<TokenStream, Error> {
    let mut input = Input::new(item);
    let (mut case, mut all_default) = (None, false);
    for (name, rest, _) in input.attributes()? {
        if name == "serde" {
            let mut rest = Input::new(rest);
            while !rest.is_over() {
                let word = rest.word("an option of serde's")?;
                let value = rest.takes("=").then(|| rest.literal("a text")).transpose()?;
                all_default |= word == "default" && value.is_none();
                if word == "rename_all" {
                    case = value.as_deref().and_then(unquoted);
                }
                rest.takes(",");
            }
        }
    }
    input.visibility();
    let span = input.span();
    if !input.takes("struct") {
        return Err(Error::new(span, "settings are a struct"));
    }
    let name = input.word("the name of a struct")?;
    let body = input.group(Delimiter::Brace, "named fields; settings have no parameters")?;

    let mut fields = Input::new(body.stream());
    let mut properties = String::new();
    while !fields.is_over() {
        let Field { name, of, description, mut default, options } = field(&mut fields, case.as_deref())?;
        if all_default && default.is_none() {
            default = Some(format!("|| <Self as ::core::default::Default>::default().{}", name.replace('-', "_")));
        }
        let default = default.map_or_else(|| "None".to_owned(), |make| format!("Some({make})"));
        properties += &format!("schema.property::<{of}>({name:?}, {description:?}, {default}, &{options:?});");
    }
    let text = format!(
        "impl ::probity_guest::derived::Described for {name} {{
            fn schema() -> ::std::string::String {{
                use ::core::option::Option::{{None, Some}};
                let mut schema = ::probity_guest::derived::Schema::new();
                {properties}
                schema.finish()
            }}
        }}"
    );
    text.parse().map_err(|error| Error::new(Span::call_site(), format!("these settings can't be described: {error}")))
}

fn field(input: &mut Input, case: Option<&str>) -> Result<Field, Error> {
    let mut field = Field::default();
    let mut renamed = None;
    for (name, rest, span) in input.attributes()? {
        let mut rest = Input::new(rest);
        match name.as_str() {
            "doc" => {
                rest.takes("=");
                let line = rest.literal("a text").ok().and_then(|line| unquoted(&line)).unwrap_or_default();
                field.description += if field.description.is_empty() { "" } else { " " };
                field.description += line.trim();
            }
            "serde" => {
                while !rest.is_over() {
                    let word = rest.word("an option of serde's")?;
                    let value = rest.takes("=").then(|| rest.literal("a text")).transpose()?;
                    match (word.as_str(), value.as_deref().and_then(unquoted)) {
                        ("default", None) => field.default = Some("::core::default::Default::default".to_owned()),
                        ("default", make) => field.default = make,
                        ("rename", name) => renamed = name,
                        ("flatten" | "skip" | "skip_deserializing", _) => {
                            return Err(Error::new(
                                span,
                                format!("a schema can't be derived of a field that is `{word}`"),
                            ));
                        }
                        _ => {}
                    }
                    rest.takes(",");
                }
            }
            "setting" => {
                while !rest.is_over() {
                    let span = rest.span();
                    let word = rest.word("an option of a setting")?;
                    let Some((_, key)) = OPTIONS.iter().find(|(name, _)| *name == word) else {
                        let known = OPTIONS.map(|(name, _)| name).join(", ");
                        return Err(Error::new(span, format!("a setting has no `{word}`; there are {known}")));
                    };
                    if !rest.takes("=") {
                        return Err(Error::new(span, format!("write it as `{word} = …`")));
                    }
                    let value = rest.up_to_comma();
                    field.options.push((key, value));
                }
            }
            _ => {}
        }
    }
    input.visibility();
    field.name = input.word("the name of a field")?;
    let span = input.span();
    if !input.takes(":") {
        return Err(Error::new(span, "expected the type of a field"));
    }
    field.of = input.up_to_comma();
    field.name = match (renamed, case) {
        (Some(name), _) => name,
        (None, Some("kebab-case")) => field.name.replace('_', "-"),
        (None, Some("snake_case") | None) => field.name,
        (None, Some(case)) => return Err(Error::new(span, format!("a schema can't be derived in {case}"))),
    };
    Ok(field)
}
