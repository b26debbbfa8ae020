//! Values of earlier shapes.

use larder::Cacheable;
use larder::schema::Schema;
use larder_macros::Cacheable;
use serde::{Deserialize, Serialize};

#[derive(Cacheable, Serialize, Deserialize)]
struct First {
    name: String,
}

#[derive(Cacheable, Serialize, Deserialize)]
struct Second {
    name: String,
    age: u8,
}

#[derive(Cacheable, Serialize, Deserialize, Debug, PartialEq)]
#[cacheable(from(Second, First))]
struct Third {
    name: String,
    age: Option<u8>,
}

#[derive(Cacheable, Serialize, Deserialize, Debug, PartialEq)]
#[cacheable(from(First))]
struct Generic<T: From<String>> {
    id: T,
}

impl From<First> for Third {
    fn from(First { name }: First) -> Self {
        Self { name, age: None }
    }
}

impl From<Second> for Third {
    fn from(Second { name, age }: Second) -> Self {
        let age = Some(age);
        Self { name, age }
    }
}

impl<T: From<String>> From<First> for Generic<T> {
    fn from(first: First) -> Self {
        let id = first.name.into();
        Self { id }
    }
}

fn converted<Old: Cacheable + Serialize, V: Cacheable>(old: &Old) -> Option<V> {
    let json = serde_json::to_vec(old).unwrap();
    let mut json = serde_json::Deserializer::from_slice(&json);
    let mut json = <dyn erased_serde::Deserializer<'_>>::erase(&mut json);
    Schema::of::<V>().convert(Old::FINGERPRINT, &mut json)
}

#[test]
fn values_of_earlier_shapes_are_converted() {
    let (name, age) = ("Ada".to_owned(), 36);
    let third = |age| Third {
        name: "Ada".to_owned(),
        age,
    };
    let first = First { name: name.clone() };
    assert_eq!(converted(&first), Some(third(None)));
    assert_eq!(
        converted(&first),
        Some(Generic::<String> { id: name.clone() })
    );
    assert_eq!(converted(&Second { name, age }), Some(third(Some(36))));
    let back: Option<First> = converted(&third(None));
    assert!(back.is_none(), "an older build knows nothing of newer ones");
}

#[test]
fn what_is_not_listed_is_not_read() {
    let third = Schema::of::<Third>();
    assert!(third.reads(Third::FINGERPRINT));
    assert!(third.reads(First::FINGERPRINT) && third.reads(Second::FINGERPRINT));
    assert!(!third.reads(String::FINGERPRINT));
    assert!(!Schema::of::<Second>().reads(First::FINGERPRINT));
}

/// What a type can be converted from is no part of its shape.
#[test]
fn conversions_do_not_count() {
    #[derive(Cacheable)]
    struct Same {
        name: String,
        age: Option<u8>,
    }
    crate::same::<Same, Third>();
}
