//! Fields: names, order, types, and serde's attributes on them.

use crate::pairs;

pairs! {
    the_name_of_the_type: same {
        #[derive(Cacheable)]
        pub struct T { a: u32, b: String }
    } {
        #[derive(Cacheable)]
        pub struct Renamed { a: u32, b: String }
        pub type T = Renamed;
    }

    documentation_visibility_and_other_derives: same {
        #[derive(Cacheable)]
        pub struct T { a: u32, b: String }
    } {
        /// Documented.
        #[derive(Debug, Cacheable, Clone)]
        pub(crate) struct T {
            /// A number.
            pub a: u32,
            pub(crate) b: String,
        }
    }

    a_field_with_another_name: different {
        #[derive(Cacheable)]
        pub struct T { a: u32, b: String }
    } {
        #[derive(Cacheable)]
        pub struct T { a: u32, c: String }
    }

    a_field_more: different {
        #[derive(Cacheable)]
        pub struct T { a: u32, b: String }
    } {
        #[derive(Cacheable)]
        pub struct T { a: u32, b: String, c: u8 }
    }

    another_order: different {
        #[derive(Cacheable)]
        pub struct T { a: u32, b: String }
    } {
        #[derive(Cacheable)]
        pub struct T { b: String, a: u32 }
    }

    another_type: different {
        #[derive(Cacheable)]
        pub struct T { a: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { a: u64 }
    }

    an_option: different {
        #[derive(Cacheable)]
        pub struct T { a: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { a: Option<u32> }
    }

    names_are_not_types: different {
        #[derive(Cacheable)]
        pub struct T { a: u32, b: u64 }
    } {
        #[derive(Cacheable)]
        pub struct T { a: u64, b: u32 }
    }

    a_pointer_is_what_it_points_to: same {
        #[derive(Cacheable)]
        pub struct T { a: String, b: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { a: Arc<str>, b: Box<u32> }
    }

    a_nested_type_with_another_name: same {
        #[derive(Cacheable)]
        pub struct T { a: Inner }
        #[derive(Cacheable)]
        pub struct Inner { x: u8 }
    } {
        #[derive(Cacheable)]
        pub struct T { a: Within }
        #[derive(Cacheable)]
        pub struct Within { x: u8 }
    }

    a_change_of_a_nested_type: different {
        #[derive(Cacheable)]
        pub struct T { a: Inner }
        #[derive(Cacheable)]
        pub struct Inner { x: u8 }
    } {
        #[derive(Cacheable)]
        pub struct T { a: Inner }
        #[derive(Cacheable)]
        pub struct Inner { x: u16 }
    }

    a_change_of_a_type_in_a_collection: different {
        #[derive(Cacheable)]
        pub struct T { a: HashMap<String, Vec<Inner>> }
        #[derive(Cacheable)]
        pub struct Inner { x: u8 }
    } {
        #[derive(Cacheable)]
        pub struct T { a: HashMap<String, Vec<Inner>> }
        #[derive(Cacheable)]
        pub struct Inner { y: u8 }
    }

    raw_names: same {
        #[derive(Cacheable)]
        pub struct T { r#type: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { #[serde(rename = "type")]
            kind: u32 }
    }

    renamed_to_the_same_name: same {
        #[derive(Cacheable)]
        pub struct T { a: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { #[serde(rename = "a")] b: u32 }
    }

    renamed_to_another_name: different {
        #[derive(Cacheable)]
        pub struct T { a: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { #[serde(rename = "b")] a: u32 }
    }

    renamed_one_way_each: same {
        #[derive(Cacheable)]
        pub struct T { #[serde(rename = "x")] a: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { #[serde(rename(serialize = "x", deserialize = "x"))] a: u32 }
    }

    renamed_for_reading_alone: different {
        #[derive(Cacheable)]
        pub struct T { a: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { #[serde(rename(deserialize = "b"))] a: u32 }
    }

    the_written_name_counts: different {
        #[derive(Cacheable)]
        pub struct T { #[serde(rename(serialize = "x"))] a: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { #[serde(rename(serialize = "y"))] a: u32 }
    }

    aliases: same {
        #[derive(Cacheable)]
        pub struct T { a: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { #[serde(alias = "x", alias = "y")] a: u32 }
    }

    skipped: same {
        #[derive(Cacheable)]
        pub struct T { a: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { a: u32, #[serde(skip)] b: std::cell::Cell<u8> }
    }

    skipped_in_both_ways: same {
        #[derive(Cacheable)]
        pub struct T { a: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { a: u32, #[serde(skip_serializing, skip_deserializing)] b: u8 }
    }

    not_written: different {
        #[derive(Cacheable)]
        pub struct T { a: u32, b: String }
    } {
        #[derive(Cacheable)]
        pub struct T { a: u32, #[serde(skip_serializing)] b: String }
    }

    not_read: different {
        #[derive(Cacheable)]
        pub struct T { a: u32, b: String }
    } {
        #[derive(Cacheable)]
        pub struct T { a: u32, #[serde(skip_deserializing)] b: String }
    }

    not_written_or_not_read: different {
        #[derive(Cacheable)]
        pub struct T { #[serde(skip_serializing)] a: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { #[serde(skip_deserializing)] a: u32 }
    }

    not_always_written: different {
        #[derive(Cacheable)]
        pub struct T { a: Option<u32> }
    } {
        #[derive(Cacheable)]
        pub struct T { #[serde(skip_serializing_if = "Option::is_none")] a: Option<u32> }
    }

    whatever_decides_that: same {
        #[derive(Cacheable)]
        pub struct T { #[serde(skip_serializing_if = "x")] a: Option<u32> }
    } {
        #[derive(Cacheable)]
        pub struct T { #[serde(skip_serializing_if = "y::z")] a: Option<u32> }
    }

    a_default: different {
        #[derive(Cacheable)]
        pub struct T { a: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { #[serde(default)] a: u32 }
    }

    another_default: different {
        #[derive(Cacheable)]
        pub struct T { #[serde(default = "one")] a: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { #[serde(default = "two")] a: u32 }
    }

    flattened: different {
        #[derive(Cacheable)]
        pub struct T { a: Vec<u8> }
    } {
        #[derive(Cacheable)]
        pub struct T { #[serde(flatten)] a: Vec<u8> }
    }

    a_flattened_field_has_no_name: same {
        #[derive(Cacheable)]
        pub struct T { #[serde(flatten)] b: Vec<u8> }
    } {
        #[derive(Cacheable)]
        pub struct T { #[serde(flatten)] a: Vec<u8> }
    }

    with: different {
        #[derive(Cacheable)]
        pub struct T { a: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { #[serde(with = "text")] a: u32 }
    }

    with_something_else: different {
        #[derive(Cacheable)]
        pub struct T { #[serde(with = "text")] a: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { #[serde(with = "hex")] a: u32 }
    }

    with_stands_for_the_type: same {
        #[derive(Cacheable)]
        pub struct T { #[serde(with = "text")] a: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { #[serde(with = "text")] a: std::cell::Cell<u8> }
    }

    with_in_two_halves: same {
        #[derive(Cacheable)]
        pub struct T { #[serde(with = "a::text")] a: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { #[serde(serialize_with = "a::text::serialize", deserialize_with = "a :: text::deserialize")] a: u32 }
    }

    written_with: different {
        #[derive(Cacheable)]
        pub struct T { a: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { #[serde(serialize_with = "text")] a: u32 }
    }

    written_with_and_read_with: different {
        #[derive(Cacheable)]
        pub struct T { #[serde(deserialize_with = "text")] a: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { #[serde(serialize_with = "text")] a: u32 }
    }

    what_is_not_replaced_counts: different {
        #[derive(Cacheable)]
        pub struct T { #[serde(serialize_with = "text")] a: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { #[serde(serialize_with = "text")] a: u64 }
    }

    a_named_shape: same {
        #[derive(Cacheable)]
        pub struct T { #[cacheable(shape = "x-v1")] a: std::cell::Cell<u8> }
    } {
        #[derive(Cacheable)]
        pub struct T { #[cacheable(shape = "x-v1")] a: u32 }
    }

    another_named_shape: different {
        #[derive(Cacheable)]
        pub struct T { #[cacheable(shape = "x-v1")] a: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { #[cacheable(shape = "x-v2")] a: u32 }
    }

    a_name_is_not_a_type: different {
        #[derive(Cacheable)]
        pub struct T { #[cacheable(shape = "u32")] a: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { a: u32 }
    }

    a_named_shape_stands_for_functions_too: same {
        #[derive(Cacheable)]
        pub struct T { #[cacheable(shape = "x-v1")] #[serde(with = "text")] a: u32 }
    } {
        #[derive(Cacheable)]
        pub struct T { #[cacheable(shape = "x-v1")] a: u32 }
    }
}
