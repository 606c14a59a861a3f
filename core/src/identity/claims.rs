//! JSON of tokens. Two parsers that disagree about a token are a way in, so what could be read in
//! two ways is refused: members that are named twice, and whatever follows the end.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::rejection::Rejection;

/// How deep objects and lists may lie in each other.
pub const DEPTH: usize = 16;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A whole number from 0, without a fraction or an exponent.
    Whole(u64),
    /// Any other number: nothing that is asked for here is one.
    Number,
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Claim>),
    /// An object.
    Object(Claims),
}

/// A JSON object; each name once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims(BTreeMap<String, Claim>);

impl Claims {
    /// Reads the JSON text of an object. `otherwise` is the reason where it is not even that.
    ///
    /// # Errors
    /// [`Rejection::DuplicateMember`], [`Rejection::TooDeep`], `otherwise`.
    pub fn read(json: &[u8], otherwise: Rejection) -> Result<Self, Rejection> {
        let fault = Cell::new(otherwise);
        let seed = Seed {
            depth: DEPTH,
            fault: &fault,
        };
        let mut from = serde_json::Deserializer::from_slice(json);
        match seed
            .deserialize(&mut from)
            .and_then(|claim| from.end().map(|()| claim))
        {
            Ok(Claim::Object(claims)) => Ok(claims),
            Ok(_) => Err(otherwise),
            Err(_) => Err(fault.get()),
        }
    }

    /// The member of this name.
    pub fn get(&self, name: &str) -> Option<&Claim> {
        self.0.get(name)
    }

    /// The claim that a path leads to. Names may have dots in them themselves
    /// (`kubernetes.io.serviceaccount.name`), so every way to cut the path is tried.
    ///
    /// # Errors
    /// [`Rejection::ClaimAmbiguous`] if there are two.
    pub fn find(&self, path: &str) -> Result<Option<&Claim>, Rejection> {
        let mut found = self.get(path);
        for (dot, _) in path.match_indices('.') {
            let (name, rest) = path.split_at(dot);
            let Some(Claim::Object(inner)) = self.get(name) else {
                continue;
            };
            let below = inner.find(rest.strip_prefix('.').unwrap_or_default())?;
            match (found, below) {
                (Some(_), Some(_)) => return Err(Rejection::ClaimAmbiguous),
                (None, Some(_)) => found = below,
                (_, None) => {}
            }
        }
        Ok(found)
    }
}

struct Seed<'f> {
    depth: usize,
    /// Why reading failed.
    fault: &'f Cell<Rejection>,
}

impl Seed<'_> {
    fn below<E: Error>(&self) -> Result<Self, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Seed { depth, ..*self }),
            None => Err(self.fail(Rejection::TooDeep)),
        }
    }

    fn fail<E: Error>(&self, fault: Rejection) -> E {
        self.fault.set(fault);
        E::custom(fault)
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Claim;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Claim, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Claim;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Claim, E> {
        Ok(Claim::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Claim, E> {
        Ok(Claim::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Claim, E> {
        Ok(Claim::Whole(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Claim, E> {
        Ok(Claim::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Claim, E> {
        Ok(Claim::Number)
    }

    fn visit_str<E>(self, value: &str) -> Result<Claim, E> {
        Ok(Claim::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Claim, A::Error> {
        let mut list = Vec::new();
        let below = self.below()?;
        while let Some(item) = items.next_element_seed(Seed { ..below })? {
            list.push(item);
        }
        Ok(Claim::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Claim, A::Error> {
        let mut object = BTreeMap::new();
        let below = self.below()?;
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(Seed { ..below })?;
            if object.insert(name, value).is_some() {
                return Err(self.fail(Rejection::DuplicateMember));
            }
        }
        Ok(Claim::Object(Claims(object)))
    }
}
