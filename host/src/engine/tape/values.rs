//! Values of the component model as JSON, and back.
//!
//! What a guest gets while it is recorded went through here both ways, so that a replay can't give it anything else.
//!
//! | type | JSON |
//! |---|---|
//! | `bool`, integers | the same |
//! | `f32`, `f64` | a text, which every bit comes back from |
//! | `string`, `char`, `enum` | a text |
//! | `list<u8>` | a text, or `{"$base64": …}` if it is none |
//! | `list`, `tuple`, `flags` | an array |
//! | `record` | an object |
//! | `variant` | the name of its case, or an object with that and its value |
//! | `option` | `null` or the value; that of another option is in an array |
//! | `result` | `{"ok": …}` or `{"err": …}`, `null` where there is no value |
//! | a handle | its resource's number: the first one that a guest was given is 1 |
//!
//! A key with `$` can't be one of a record: WIT has no such names.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};
use wasmtime::{
    Result, bail,
    component::{ResourceAny, Type, Val},
    format_err,
};

/// Marks bytes that are no text.
pub(super) const BASE64: &str = "$base64";

/// A value as JSON; `number` makes a number of a resource.
pub(super) fn write(value: &Val, number: &mut dyn FnMut(ResourceAny) -> Result<u32>) -> Result<Value> {
    Ok(match value {
        Val::Bool(flag) => (*flag).into(),
        Val::S8(integer) => (*integer).into(),
        Val::U8(integer) => (*integer).into(),
        Val::S16(integer) => (*integer).into(),
        Val::U16(integer) => (*integer).into(),
        Val::S32(integer) => (*integer).into(),
        Val::U32(integer) => (*integer).into(),
        Val::S64(integer) => (*integer).into(),
        Val::U64(integer) => (*integer).into(),
        Val::Float32(float) => float.to_string().into(),
        Val::Float64(float) => float.to_string().into(),
        Val::Char(letter) => letter.to_string().into(),
        Val::String(text) | Val::Enum(text) => text.as_str().into(),
        Val::Flags(names) => names.iter().map(String::as_str).collect(),
        Val::List(values) if matches!(values.first(), Some(Val::U8(_))) => write_bytes(
            values.iter().filter_map(|value| if let Val::U8(byte) = value { Some(*byte) } else { None }).collect(),
        ),
        Val::List(values) | Val::Tuple(values) | Val::FixedLengthList(values) => {
            values.iter().map(|value| write(value, number)).collect::<Result<_>>()?
        }
        Val::Record(fields) => {
            let fields = fields.iter().map(|(name, value)| Ok((name.clone(), write(value, number)?)));
            Value::Object(fields.collect::<Result<_>>()?)
        }
        Val::Variant(case, None) => case.as_str().into(),
        Val::Variant(case, value) => object(case, write_optional(value.as_deref(), number)?),
        Val::Option(Some(value)) if matches!(**value, Val::Option(_)) => vec![write(value, number)?].into(),
        Val::Option(value) => write_optional(value.as_deref(), number)?,
        Val::Result(Ok(value)) => object("ok", write_optional(value.as_deref(), number)?),
        Val::Result(Err(value)) => object("err", write_optional(value.as_deref(), number)?),
        Val::Resource(resource) => number(*resource)?.into(),
        Val::Map(_) | Val::Future(_) | Val::Stream(_) | Val::ErrorContext(_) => {
            bail!("no interface that is offered has values of this type")
        }
    })
}

fn write_optional(value: Option<&Val>, number: &mut dyn FnMut(ResourceAny) -> Result<u32>) -> Result<Value> {
    value.map_or(Ok(Value::Null), |value| write(value, number))
}

/// Bytes as JSON.
pub(super) fn write_bytes(bytes: Vec<u8>) -> Value {
    match String::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(error) => object(BASE64, BASE64_STANDARD.encode(error.as_bytes()).into()),
    }
}

/// The bytes that JSON stands for, if it does.
pub(super) fn read_bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.as_bytes().to_vec()),
        Value::Object(object) if object.len() == 1 => BASE64_STANDARD.decode(object.get(BASE64)?.as_str()?).ok(),
        _ => None,
    }
}

/// The value of this type that JSON stands for. `resource` finds the resource of a number, which is given away if the second
/// argument says so.
///
/// # Errors
///
/// It stands for none.
pub(super) fn read(
    value: &Value,
    ty: &Type,
    resource: &mut dyn FnMut(u32, bool) -> Result<ResourceAny>,
) -> Result<Val> {
    let wrong = || format_err!("{value} is no {}", describe(ty));
    Ok(match ty {
        Type::Bool => Val::Bool(value.as_bool().ok_or_else(wrong)?),
        Type::S8 => Val::S8(integer(value).ok_or_else(wrong)?),
        Type::U8 => Val::U8(integer(value).ok_or_else(wrong)?),
        Type::S16 => Val::S16(integer(value).ok_or_else(wrong)?),
        Type::U16 => Val::U16(integer(value).ok_or_else(wrong)?),
        Type::S32 => Val::S32(integer(value).ok_or_else(wrong)?),
        Type::U32 => Val::U32(integer(value).ok_or_else(wrong)?),
        Type::S64 => Val::S64(integer(value).ok_or_else(wrong)?),
        Type::U64 => Val::U64(integer(value).ok_or_else(wrong)?),
        Type::Float32 => Val::Float32(parsed(value).ok_or_else(wrong)?),
        Type::Float64 => Val::Float64(parsed(value).ok_or_else(wrong)?),
        Type::Char => Val::Char(parsed(value).ok_or_else(wrong)?),
        Type::String => Val::String(value.as_str().ok_or_else(wrong)?.to_owned()),
        Type::Enum(known) => {
            let name = value.as_str().filter(|name| known.names().any(|known| known == *name));
            Val::Enum(name.ok_or_else(wrong)?.to_owned())
        }
        Type::Flags(known) => {
            let names = value.as_array().ok_or_else(wrong)?.iter();
            let names = names.map(|name| name.as_str().filter(|name| known.names().any(|known| known == *name)));
            Val::Flags(names.map(|name| name.map(str::to_owned).ok_or_else(wrong)).collect::<Result<_>>()?)
        }
        Type::List(list) if matches!(list.ty(), Type::U8) && !value.is_array() => {
            let bytes = read_bytes(value).ok_or_else(wrong)?;
            Val::List(bytes.into_iter().map(Val::U8).collect())
        }
        Type::List(list) => {
            let element = list.ty();
            let values = value.as_array().ok_or_else(wrong)?.iter();
            Val::List(values.map(|value| read(value, &element, resource)).collect::<Result<_>>()?)
        }
        Type::Tuple(tuple) => {
            let values = value.as_array().filter(|values| values.len() == tuple.types().len()).ok_or_else(wrong)?;
            let values = values.iter().zip(tuple.types()).map(|(value, ty)| read(value, &ty, resource));
            Val::Tuple(values.collect::<Result<_>>()?)
        }
        Type::Record(record) => {
            let object = value.as_object().filter(|object| object.len() == record.fields().len()).ok_or_else(wrong)?;
            let fields = record.fields().map(|field| {
                let value = object.get(field.name).ok_or_else(wrong)?;
                Ok((field.name.to_owned(), read(value, &field.ty, resource)?))
            });
            Val::Record(fields.collect::<Result<_>>()?)
        }
        Type::Variant(variant) => {
            let (name, payload) = match value {
                Value::String(name) => (name.as_str(), None),
                value => only(value).map(|(name, value)| (name, Some(value))).ok_or_else(wrong)?,
            };
            let case = variant.cases().find(|case| case.name == name).ok_or_else(wrong)?;
            Val::Variant(name.to_owned(), read_optional(payload, case.ty.as_ref(), resource)?)
        }
        Type::Option(option) => match (value, option.ty()) {
            (Value::Null, _) => Val::Option(None),
            (Value::Array(values), inner @ Type::Option(_)) if values.len() == 1 => {
                Val::Option(Some(Box::new(read(&values[0], &inner, resource)?)))
            }
            (value, inner) => Val::Option(Some(Box::new(read(value, &inner, resource)?))),
        },
        Type::Result(result) => {
            let (name, value) = only(value).ok_or_else(wrong)?;
            let value = (!value.is_null()).then_some(value);
            Val::Result(match name {
                "ok" => Ok(read_optional(value, result.ok().as_ref(), resource)?),
                "err" => Err(read_optional(value, result.err().as_ref(), resource)?),
                _ => return Err(wrong()),
            })
        }
        Type::Own(_) => Val::Resource(resource(integer(value).ok_or_else(wrong)?, true)?),
        Type::Borrow(_) => Val::Resource(resource(integer(value).ok_or_else(wrong)?, false)?),
        _ => return Err(wrong()),
    })
}

/// The value of a case, which has one or not.
fn read_optional(
    value: Option<&Value>,
    ty: Option<&Type>,
    resource: &mut dyn FnMut(u32, bool) -> Result<ResourceAny>,
) -> Result<Option<Box<Val>>> {
    match (value, ty) {
        (value, Some(ty)) => Ok(Some(Box::new(read(value.unwrap_or(&Value::Null), ty, resource)?))),
        (None, None) => Ok(None),
        (Some(value), None) => bail!("{value} is of a case without a value"),
    }
}

fn object(key: &str, value: Value) -> Value {
    Map::from_iter([(key.to_owned(), value)]).into()
}

/// The one member of an object that has one.
fn only(value: &Value) -> Option<(&str, &Value)> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    object.iter().next().map(|(name, value)| (name.as_str(), value))
}

fn integer<T: TryFrom<i128>>(value: &Value) -> Option<T> {
    let number = value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))?;
    T::try_from(number).ok()
}

fn parsed<T: std::str::FromStr>(value: &Value) -> Option<T> {
    value.as_str()?.parse().ok()
}

fn describe(ty: &Type) -> &'static str {
    match ty {
        Type::Bool => "bool",
        Type::S8 | Type::U8 | Type::S16 | Type::U16 | Type::S32 | Type::U32 | Type::S64 | Type::U64 => {
            "integer of the right size"
        }
        Type::Float32 | Type::Float64 => "number in quotes",
        Type::Char => "character",
        Type::String => "text",
        Type::List(_) => "list, nor text for one of bytes",
        Type::Record(_) => "record with the right fields",
        Type::Tuple(_) => "tuple of the right length",
        Type::Variant(_) => "variant with one of its cases",
        Type::Enum(_) => "name of the enumeration",
        Type::Option(_) => "option",
        Type::Result(_) => "result, which is `ok` or `err`",
        Type::Flags(_) => "list of flags",
        Type::Own(_) | Type::Borrow(_) => "resource's number",
        _ => "value that could be recorded",
    }
}
