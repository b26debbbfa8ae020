//! Fingerprints as they are: a change makes every cache cold that was filled by an earlier
//! release, so it stands in the changelog and here, or does not happen.

use std::collections::HashMap;

use larder::Cacheable;
use larder_macros::Cacheable;

#[derive(Cacheable)]
struct User {
    name: String,
    age: Option<u8>,
    tags: Vec<String>,
}

#[derive(Cacheable)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Marked {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_name: Option<String>,
    #[serde(with = "text")]
    id: u128,
    #[cacheable(shape = "uuid-v1")]
    key: std::cell::Cell<u8>,
    #[serde(flatten)]
    more: HashMap<String, User>,
    #[serde(rename(deserialize = "old"))]
    new: [u8; 4],
}

#[derive(Cacheable)]
enum Plan {
    Free,
    Paid(u64),
    Team { seats: u32, owner: Box<User> },
}

#[derive(Cacheable)]
#[serde(tag = "type", content = "value")]
enum Tagged {
    A,
    #[serde(other)]
    B,
}

#[derive(Cacheable)]
struct Tree<T> {
    value: T,
    children: Vec<Tree<T>>,
}

#[derive(Cacheable)]
struct Cut {
    #[cacheable(recursive)]
    next: Option<Box<Cut>>,
}

#[test]
fn fingerprints_stay_as_they_are() {
    let check = |name: &str, fingerprint: u64, expected: u64| {
        assert_eq!(fingerprint, expected, "{name}: 0x{fingerprint:016X}");
    };
    check("()", <()>::FINGERPRINT, 0x809B_BD09_B9BB_2931);
    check("bool", <bool>::FINGERPRINT, 0xC75B_D599_4A5A_582C);
    check("u8", <u8>::FINGERPRINT, 0x2FAC_25EB_6DDB_7154);
    check("usize", <usize>::FINGERPRINT, 0x25E8_7B91_9692_2DDC);
    check("i64", <i64>::FINGERPRINT, 0x104A_4BC3_95BE_763F);
    check("f64", <f64>::FINGERPRINT, 0x5C0B_6F69_EF55_1EF3);
    check("String", <String>::FINGERPRINT, 0x2D28_F258_E2AE_3530);
    check(
        "bytes::Bytes",
        <bytes::Bytes>::FINGERPRINT,
        0x9130_58AD_566A_3C70,
    );
    check(
        "std::net::IpAddr",
        <std::net::IpAddr>::FINGERPRINT,
        0xB605_E923_E50F_E466,
    );
    check(
        "std::time::Duration",
        <std::time::Duration>::FINGERPRINT,
        0xCE1B_884D_3327_A136,
    );
    check(
        "std::time::SystemTime",
        <std::time::SystemTime>::FINGERPRINT,
        0x16F2_88FC_8CD9_B108,
    );
    check(
        "Option<u8>",
        <Option<u8>>::FINGERPRINT,
        0xD25E_CCE0_21B0_98B2,
    );
    check(
        "Result<u8, String>",
        <Result<u8, String>>::FINGERPRINT,
        0xFD3E_A972_7DCE_7516,
    );
    check("Vec<u8>", <Vec<u8>>::FINGERPRINT, 0xCB2F_AB42_92D8_627A);
    check(
        "HashMap<u8, u8>",
        <HashMap<u8, u8>>::FINGERPRINT,
        0x8ACA_5FB5_DAAA_4E77,
    );
    check("(u8, u16)", <(u8, u16)>::FINGERPRINT, 0xAD84_6380_2671_3EEA);
    check("[u8; 4]", <[u8; 4]>::FINGERPRINT, 0xA2E2_B0E9_077A_8AB4);
    check("User", <User>::FINGERPRINT, 0xCE8E_0306_DAB5_2E8B);
    check("Marked", <Marked>::FINGERPRINT, 0x47EB_9E72_143F_9B9B);
    check("Plan", <Plan>::FINGERPRINT, 0x9EFB_CA81_6A34_BEE8);
    check("Tagged", <Tagged>::FINGERPRINT, 0x143E_7CC4_FC09_F1F6);
    check("Tree<u8>", <Tree<u8>>::FINGERPRINT, 0x52DD_7C56_1D80_AD10);
    check("Cut", <Cut>::FINGERPRINT, 0x70FC_AEC9_1216_7138);
}
