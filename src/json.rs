//! The strict JSON reader of tokens, key sets, metadata and options, over serde_json. What
//! serde_json lets pass in values that nobody reads is refused here too: a name twice in one
//! object, at any level; nesting deeper than 32; a lone surrogate; a number beyond every range;
//! bytes after the end.

use std::borrow::Cow;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The outer object counts as one.
const MAX_DEPTH: usize = 32;
/// Up to here names are compared one by one; beyond, as keyed hashes (a linear scan of 1 900 names
/// took longer than a hundred signatures).
const LINEAR_NAMES: usize = 32;
/// Of all open objects together: many small objects inside one another must not take much either.
const LINEAR_NAMES_OPEN: usize = 96;

/// The value of a member of the outer object, as far as this library reads values.
#[derive(Debug, Default)]
pub enum Field<'a> {
    #[default]
    Absent,
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    /// Boxed: a reader holds many fields, most of which are something else.
    Texts(Box<Texts>),
    /// An array with another member than text, or one whose texts were not asked for.
    Array,
    Object,
}

/// An array of texts, kept in less memory than it took in the document.
#[derive(Debug, Default)]
pub struct Texts {
    text: String,
    ends: Vec<u32>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
    }

    /// With one byte behind each.
    pub fn joined_bytes(&self) -> usize {
        self.text.len().saturating_add(self.ends.len())
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let end = *end as usize;
            let item = self.text.get(start..end).unwrap_or_default();
            start = end;
            item
        })
    }
}

/// What went wrong, without a byte of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    NotUtf8,
    NotAnObject,
    DuplicateName,
    TooDeep,
    Syntax,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Fault::NotUtf8 => "is not UTF-8",
            Fault::NotAnObject => "is not a JSON object",
            Fault::DuplicateName => "has a name twice in one object",
            Fault::TooDeep => "is nested deeper than 32",
            Fault::Syntax => "is not valid JSON",
        })
    }
}

/// JSON text is UTF-8 (RFC 8259 8.1), also where nobody reads it.
pub fn utf8(document: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(document).map_err(|_| Fault::NotUtf8)
}

/// Memory for the names of open objects, which one reader can leave to the next.
pub struct Room<'de>(Vec<Cow<'de, str>>);

impl Default for Room<'_> {
    fn default() -> Self {
        Room(Vec::with_capacity(LINEAR_NAMES))
    }
}

/// Reads one object and hands out its members in order. `wants_texts` says of which names an array
/// of texts is to be kept.
pub fn read_object<'de>(
    document: &'de str,
    room: &mut Room<'de>,
    wants_texts: impl Fn(&str) -> bool,
    member: &mut impl FnMut(Cow<'de, str>, Field<'de>),
) -> Result<(), Fault> {
    let mut state = State { names: std::mem::take(&mut room.0), fault: Fault::Syntax };
    let mut reader = serde_json::Deserializer::from_str(document);
    let root = Root { state: &mut state, wants_texts, member };
    let read = root.deserialize(&mut reader).and_then(|()| reader.end());
    state.names.clear();
    room.0 = state.names;
    read.map_err(|_| state.fault)
}

struct State<'de> {
    /// The names of all objects that are open, the innermost last.
    names: Vec<Cow<'de, str>>,
    /// The reason of an error of ours; serde_json's own are `Syntax`.
    fault: Fault,
}

impl State<'_> {
    fn refuse<E: Error>(&mut self, fault: Fault) -> E {
        self.fault = fault;
        E::custom("refused")
    }
}

/// The names of one open object.
struct Names {
    base: usize,
    /// A bit for each name that was added: most new names are seen to be new by this alone.
    marks: u64,
    hashes: Option<(RandomState, Vec<u64>)>,
}

impl Names {
    fn open(state: &State) -> Names {
        Names { base: state.names.len(), marks: 0, hashes: None }
    }

    fn add<'de, E: Error>(&mut self, state: &mut State<'de>, name: Cow<'de, str>) -> Result<(), E> {
        if let Some((hasher, hashes)) = &mut self.hashes {
            hashes.push(hasher.hash_one(name.as_ref()));
            return Ok(());
        }
        let own = state.names.get(self.base..).unwrap_or_default();
        let mark = mark(name.as_bytes());
        let maybe_known = self.marks & mark != 0;
        self.marks |= mark;
        if maybe_known && own.contains(&name) {
            return Err(state.refuse(Fault::DuplicateName));
        }
        if own.len() == LINEAR_NAMES || state.names.len() >= LINEAR_NAMES_OPEN {
            let hasher = RandomState::new();
            let mut hashes: Vec<u64> = own.iter().map(|n| hasher.hash_one(n.as_ref())).collect();
            hashes.push(hasher.hash_one(name.as_ref()));
            self.hashes = Some((hasher, hashes));
        } else {
            state.names.push(name);
        }
        Ok(())
    }

    fn close<E: Error>(self, state: &mut State) -> Result<(), E> {
        state.names.truncate(self.base);
        if let Some((_, mut hashes)) = self.hashes {
            hashes.sort_unstable();
            if hashes.windows(2).any(|pair| pair.first() == pair.last()) {
                return Err(state.refuse(Fault::DuplicateName));
            }
        }
        Ok(())
    }
}

/// Equal names have equal marks.
fn mark(name: &[u8]) -> u64 {
    let (first, last) = (name.first().unwrap_or(&0), name.last().unwrap_or(&0));
    let mixed = usize::from(*first).wrapping_mul(7) ^ usize::from(*last).wrapping_mul(31);
    1u64.rotate_left((mixed ^ name.len()) as u32)
}

/// The outer object.
struct Root<'s, 'de, W, M> {
    state: &'s mut State<'de>,
    wants_texts: W,
    member: &'s mut M,
}

impl<'de, W, M> DeserializeSeed<'de> for Root<'_, 'de, W, M>
where
    W: Fn(&str) -> bool,
    M: FnMut(Cow<'de, str>, Field<'de>),
{
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

macro_rules! refuse_scalars {
    ($($method:ident($type:ty)),+) => {
        $(fn $method<E: Error>(self, _: $type) -> Result<(), E> {
            Err(self.state.refuse(Fault::NotAnObject))
        })+
    };
}

impl<'de, W, M> Visitor<'de> for Root<'_, 'de, W, M>
where
    W: Fn(&str) -> bool,
    M: FnMut(Cow<'de, str>, Field<'de>),
{
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }
    refuse_scalars!(
        visit_bool(bool),
        visit_u64(u64),
        visit_i64(i64),
        visit_f64(f64),
        visit_str(&str)
    );
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Err(self.state.refuse(Fault::NotAnObject))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(self.state.refuse(Fault::NotAnObject))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut names = Names::open(self.state);
        while let Some(name) = map.next_key_seed(Name)? {
            let texts = (self.wants_texts)(&name);
            names.add(self.state, name.clone())?;
            let value = map.next_value_seed(Value { state: self.state, depth: 1, texts })?;
            (self.member)(name, value);
        }
        names.close(self.state)
    }
}

/// The name of a member, borrowed where no escape stands in it.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }
    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// Any value below the outer object: checked to the bottom, told as a [`Field`].
struct Value<'s, 'de> {
    state: &'s mut State<'de>,
    /// Of the object or array that holds this value.
    depth: usize,
    /// Keep an array of texts.
    texts: bool,
}

impl<'de> Value<'_, 'de> {
    fn deeper<E: Error>(&mut self) -> Result<usize, E> {
        let depth = self.depth.saturating_add(1);
        if depth > MAX_DEPTH {
            return Err(self.state.refuse(Fault::TooDeep));
        }
        Ok(depth)
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_, 'de> {
    type Value = Field<'de>;
    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Field<'de>, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_, 'de> {
    type Value = Field<'de>;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Field<'de>, E> {
        Ok(Field::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Field<'de>, E> {
        Ok(Field::Bool(value))
    }
    // Whole numbers beyond 2^53 lose bits here; no claim of that size is in any range that we
    // accept.
    fn visit_u64<E>(self, value: u64) -> Result<Field<'de>, E> {
        Ok(Field::Number(value as f64))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Field<'de>, E> {
        Ok(Field::Number(value as f64))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Field<'de>, E> {
        Ok(Field::Number(value))
    }
    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Field<'de>, E> {
        Ok(Field::Text(Cow::Borrowed(value)))
    }
    fn visit_str<E>(self, value: &str) -> Result<Field<'de>, E> {
        Ok(Field::Text(Cow::Owned(value.to_owned())))
    }
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Field<'de>, A::Error> {
        let depth = self.deeper()?;
        let mut texts = self.texts.then(Texts::default);
        while let Some(item) =
            seq.next_element_seed(Value { state: self.state, depth, texts: false })?
        {
            match (&mut texts, item) {
                (Some(texts), Field::Text(text)) => texts.push(&text),
                _ => texts = None,
            }
        }
        Ok(texts.map_or(Field::Array, |texts| Field::Texts(Box::new(texts))))
    }
    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Field<'de>, A::Error> {
        let depth = self.deeper()?;
        let mut names = Names::open(self.state);
        while let Some(name) = map.next_key_seed(Name)? {
            names.add(self.state, name)?;
            map.next_value_seed(Value { state: self.state, depth, texts: false })?;
        }
        names.close(self.state)?;
        Ok(Field::Object)
    }
}

/// Any value, read as strictly as a member of an object would be.
pub fn check(value: &str) -> Result<(), Fault> {
    let mut state = State { names: Vec::new(), fault: Fault::Syntax };
    let mut reader = serde_json::Deserializer::from_str(value);
    let any = Value { state: &mut state, depth: 1, texts: false };
    let read = any.deserialize(&mut reader).map(drop).and_then(|()| reader.end());
    read.map_err(|_| state.fault)
}

/// Hands out the members of one object with the JSON text of each value. Names twice are refused;
/// what is inside the values is not looked at.
pub fn members<'de>(
    document: &'de str,
    member: &mut dyn FnMut(Cow<'de, str>, &'de str),
) -> Result<(), Fault> {
    struct Members<'m, 'de>(&'m mut dyn FnMut(Cow<'de, str>, &'de str), &'m mut State<'de>);
    impl<'de> Visitor<'de> for Members<'_, 'de> {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            let mut names = Names::open(self.1);
            while let Some(name) = map.next_key_seed(Name)? {
                names.add(self.1, name.clone())?;
                (self.0)(name, map.next_value::<&RawValue>()?.get());
            }
            names.close(self.1)
        }
    }
    let mut state = State { names: Vec::new(), fault: Fault::Syntax };
    let mut reader = serde_json::Deserializer::from_str(document);
    let read = reader.deserialize_map(Members(member, &mut state)).and_then(|()| reader.end());
    read.map_err(|_| state.fault)
}

/// The JSON text of one member of an object.
pub fn member<'de>(object: &'de str, name: &str) -> Option<&'de str> {
    let mut found = None;
    let read = members(object, &mut |own, value| {
        if own == name {
            found = Some(value);
        }
    });
    read.ok().and(found)
}

/// Hands out the JSON text of each element of one array, until `element` says false.
pub fn elements<'de>(
    document: &'de str,
    element: &mut dyn FnMut(&'de str) -> bool,
) -> Result<(), Fault> {
    struct Elements<'m, 'de>(&'m mut dyn FnMut(&'de str) -> bool);
    impl<'de> Visitor<'de> for Elements<'_, 'de> {
        type Value = ();
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("an array")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
            let mut going = true;
            while let Some(value) = seq.next_element::<&RawValue>()? {
                going = going && (self.0)(value.get());
            }
            Ok(())
        }
    }
    let mut reader = serde_json::Deserializer::from_str(document);
    let read = reader.deserialize_seq(Elements(element)).and_then(|()| reader.end());
    read.map_err(|_| Fault::Syntax)
}

/// The text that a JSON string stands for.
pub fn text(json: &str) -> Option<Cow<'_, str>> {
    let mut reader = serde_json::Deserializer::from_str(json);
    reader.deserialize_str(Name).ok()
}
