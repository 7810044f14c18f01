//! JSON as it stands: nothing merged, nothing judged.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

#[derive(Debug)]
pub enum Json {
    Null,
    Number(f64),
    Text(String),
    Array(Vec<Json>),
    /// Members in order, with those of one name.
    Object(Vec<(String, Json)>),
    Bool,
}

impl Json {
    pub fn member(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members.iter().rfind(|(n, _)| n == name).map(|(_, v)| v),
            _ => None,
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.member(name).is_some()
    }

    pub fn is_text(&self) -> bool {
        matches!(self, Json::Text(_))
    }

    /// At any level.
    pub fn has_a_name_twice(&self) -> bool {
        match self {
            Json::Object(members) => {
                let names: std::collections::BTreeSet<_> = members.iter().map(|(n, _)| n).collect();
                names.len() < members.len() || members.iter().any(|(_, v)| v.has_a_name_twice())
            }
            Json::Array(items) => items.iter().any(Json::has_a_name_twice),
            _ => false,
        }
    }

    /// Objects and arrays, the outer one counted.
    pub fn depth(&self) -> usize {
        match self {
            Json::Object(members) => 1 + members.iter().map(|(_, v)| v.depth()).max().unwrap_or(0),
            Json::Array(items) => 1 + items.iter().map(Json::depth).max().unwrap_or(0),
            _ => 0,
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Json, D::Error> {
        reader.deserialize_any(AsItStands)
    }
}

struct AsItStands;

impl<'de> Visitor<'de> for AsItStands {
    type Value = Json;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }
    fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Bool)
    }
    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(number as f64))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number as f64))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        Ok(Json::Number(number))
    }
    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::Array(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }
}
