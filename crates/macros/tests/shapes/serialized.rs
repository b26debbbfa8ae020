//! Same fingerprint, same bytes: what the tables of pairs say, held against serde itself.

use larder::Cacheable;
use larder_macros::Cacheable;
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;

#[derive(Cacheable, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Renamed {
    first_name: Newtype,
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(skip)]
    cached: Option<u8>,
    parts: std::collections::VecDeque<(u8, u16)>,
}

#[derive(Cacheable, Serialize, Deserialize)]
#[allow(non_snake_case)]
struct Plain {
    firstName: String,
    r#type: Other,
    parts: Vec<Pair>,
}

#[derive(Cacheable, Serialize, Deserialize)]
struct Newtype(Box<str>);

#[derive(Cacheable, Serialize, Deserialize)]
struct Pair(u8, u16);

#[derive(Cacheable, Serialize, Deserialize)]
#[serde(
    tag = "t",
    content = "c",
    rename_all = "SCREAMING-KEBAB-CASE",
    rename_all_fields = "PascalCase"
)]
enum Kind {
    VeryLong { field_name: Option<u32> },
}

#[derive(Cacheable, Serialize, Deserialize)]
#[serde(tag = "t", content = "c")]
enum Other {
    #[serde(rename = "VERY-LONG")]
    Short {
        #[serde(rename = "FieldName")]
        name: Option<u32>,
    },
}

fn check<A, B>(value: &A)
where
    A: Cacheable + Serialize,
    B: Cacheable + Serialize + DeserializeOwned,
{
    crate::same::<A, B>();
    let bytes = rmp_serde::to_vec_named(value).unwrap();
    let other: B = rmp_serde::from_slice(&bytes).unwrap();
    assert_eq!(rmp_serde::to_vec_named(&other).unwrap(), bytes);
    let json = serde_json::to_string(value).unwrap();
    let other: B = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::to_string(&other).unwrap(), json);
}

#[test]
fn same_fingerprint_same_bytes() {
    check::<_, Plain>(&Renamed {
        first_name: Newtype("Ada".into()),
        kind: Kind::VeryLong {
            field_name: Some(7),
        },
        cached: Some(1),
        parts: [(1, 2), (3, 4)].into(),
    });
    #[derive(Cacheable, Serialize, Deserialize)]
    struct Time {
        secs: u64,
        nanos: u32,
    }
    check::<_, Time>(&std::time::Duration::from_millis(1500));
    #[derive(Cacheable, Serialize, Deserialize)]
    struct Since {
        secs_since_epoch: u64,
        nanos_since_epoch: u32,
    }
    check::<_, Since>(&std::time::SystemTime::now());
    #[derive(Cacheable, Serialize, Deserialize)]
    struct Span {
        start: u8,
        end: u8,
    }
    check::<_, Span>(&(1u8..2));
    #[derive(Cacheable, Serialize, Deserialize)]
    enum Outcome {
        Ok(u8),
        Err(String),
    }
    check::<_, Outcome>(&Err::<u8, _>("x".to_owned()));
    check::<_, (u8, u8)>(&[1u8, 2]);
    check::<_, Vec<u8>>(&std::collections::BTreeSet::from([1u8, 2]));
    #[derive(Cacheable, Serialize, Deserialize)]
    struct Unit;
    check::<_, Unit>(&std::marker::PhantomData::<u8>);
}
