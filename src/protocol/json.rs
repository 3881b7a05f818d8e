//! JSON that others wrote, read with a bound: serde refuses what is nested 128 deep, and dropping, copying or
//! writing a tree recurses as deep as it is. A value keeps its first [`DEPTH`] levels; what lies below stands in
//! its place as a string, the JSON text as it came. So nothing is lost, and no depth costs more than its bytes.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::text::read;

/// How many arrays and objects may stand in each other. With the objects around a value it stays below serde's 128.
pub const DEPTH: usize = 100;

/// A value of any depth, read as above.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bounded(pub Value);

impl<'de> Deserialize<'de> for Bounded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Level(DEPTH).deserialize(deserializer).map(Self)
    }
}

/// Reads a JSON document; `None` if it is none. Half characters and broken UTF-8 cost one character each.
pub fn value(json: &[u8]) -> Option<Value> {
    read::<Bounded>(&String::from_utf8_lossy(json)).map(|bounded| bounded.0)
}

/// A document as it came, or, if it is too deep for that, bounded; `None` if it is none.
pub fn raw(json: &str) -> Option<Box<RawValue>> {
    if depth(json) <= DEPTH {
        return RawValue::from_string(json.to_owned()).ok();
    }
    RawValue::from_string(value(json.as_bytes())?.to_string()).ok()
}

/// For `#[serde(deserialize_with)]`: a field of any depth.
pub fn field<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Bounded::deserialize(deserializer).map(|bounded| bounded.0)
}

/// As [`field`], for an optional field; `null` is none.
pub fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    field(deserializer).map(|value| Some(value).filter(|value| !value.is_null()))
}

/// For `#[serde(deserialize_with)]`: a field of another type than expected is none, and costs no other field.
pub fn lenient<'de, D: Deserializer<'de>, T: de::DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Ok(read(Box::<RawValue>::deserialize(deserializer)?.get()))
}

/// How many bytes of text a value holds, near enough.
pub fn size(value: &Value) -> usize {
    const EACH: usize = 32;
    match value {
        Value::String(text) => text.len() + EACH,
        Value::Array(items) => EACH + items.iter().map(size).sum::<usize>(),
        Value::Object(fields) => {
            EACH + fields.iter().map(|(name, value)| name.len() + EACH + size(value)).sum::<usize>()
        }
        _ => EACH,
    }
}

/// How many arrays and objects stand in each other.
pub fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// How many levels are left.
#[derive(Clone, Copy)]
struct Level(usize);

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.0 > 0 {
            return deserializer.deserialize_any(self);
        }
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if raw.get().starts_with(['{', '[']) {
            return Ok(Value::String(String::from(Box::<str>::from(raw))));
        }
        serde_json::from_str(raw.get()).map_err(D::Error::custom)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Level(self.0 - 1))? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            object.insert(name, fields.next_value_seed(Level(self.0 - 1))?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize, open: &str, close: &str) -> String {
        [open.repeat(depth), "1".to_owned(), close.repeat(depth)].concat()
    }

    #[test]
    fn what_is_not_deep_is_read_as_it_stands() {
        let json = r#"{"a":[1,-2,0.5,true,null,"ü",{}],"b":{"z":1,"a":2}}"#;
        assert_eq!(value(json.as_bytes()).unwrap().to_string(), json);
        assert_eq!(value(b"{"), None);
        assert_eq!(value(br#""\ud83d""#), Some("\u{fffd}".into()));
        assert_eq!(value(b"\"\xFF\""), Some("\u{fffd}".into()));
    }

    #[test]
    fn the_levels_below_the_bound_are_kept_as_text() {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
            let whole = nested(DEPTH, open, close);
            assert_eq!(value(whole.as_bytes()).unwrap().to_string(), whole);
            for depth in [DEPTH + 1, 200, 200_000] {
                let read = value(nested(depth, open, close).as_bytes()).unwrap();
                let mut inner = &read;
                while !inner.is_string() {
                    inner = inner.get(0).or_else(|| inner.get("a")).unwrap();
                }
                assert_eq!(inner.as_str().unwrap(), nested(depth - DEPTH, open, close));
                assert!(read.clone() == read, "a bounded value can be copied and compared");
            }
        }
    }

    #[test]
    fn depth_counts_what_stands_outside_of_strings() {
        assert_eq!(depth(r#"{"a":"[[[\"{","b":[{}]}"#), 3);
        assert_eq!(depth("1"), 0);
    }

    #[test]
    fn a_document_is_passed_on_as_it_came_unless_it_is_too_deep() {
        let spaced = r#"{ "b" : "\ud83d", "a":[1] }"#;
        assert_eq!(raw(spaced).unwrap().get(), spaced);
        assert!(depth(raw(&nested(5_000, "[", "]")).unwrap().get()) <= DEPTH);
        assert!(raw("{").is_none());
    }

    #[test]
    fn a_field_of_another_type_costs_no_other_field() {
        #[derive(Deserialize)]
        struct Wire {
            #[serde(default, deserialize_with = "lenient")]
            title: Option<String>,
            #[serde(default, deserialize_with = "optional")]
            input: Option<Value>,
        }
        let wire: Wire = serde_json::from_str(r#"{"title":{"x":[1]},"input":{"y":2}}"#).unwrap();
        assert_eq!((wire.title, wire.input.unwrap()["y"].as_i64()), (None, Some(2)));
    }
}
