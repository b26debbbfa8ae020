//! Enums: variants, and how they are tagged.

use crate::pairs;

pairs! {
    the_name_of_the_enum: same {
        #[derive(Cacheable)]
        pub enum T { A, B(u8), C { x: u8, y: u8 } }
    } {
        #[derive(Cacheable)]
        pub enum Renamed { A, B(u8), C { x: u8, y: u8 } }
        pub type T = Renamed;
    }

    a_variant_with_another_name: different {
        #[derive(Cacheable)]
        pub enum T { A, B }
    } {
        #[derive(Cacheable)]
        pub enum T { A, C }
    }

    a_variant_more: different {
        #[derive(Cacheable)]
        pub enum T { A, B }
    } {
        #[derive(Cacheable)]
        pub enum T { A, B, C }
    }

    another_order: different {
        #[derive(Cacheable)]
        pub enum T { A, B }
    } {
        #[derive(Cacheable)]
        pub enum T { B, A }
    }

    another_content: different {
        #[derive(Cacheable)]
        pub enum T { A(u8) }
    } {
        #[derive(Cacheable)]
        pub enum T { A(u16) }
    }

    an_empty_variant_is_not_one_with_a_value: different {
        #[derive(Cacheable)]
        pub enum T { A }
    } {
        #[derive(Cacheable)]
        pub enum T { A(()) }
    }

    a_tuple_is_not_a_struct: different {
        #[derive(Cacheable)]
        pub enum T { A(u8, u8) }
    } {
        #[derive(Cacheable)]
        pub enum T { A { x: u8, y: u8 } }
    }

    a_pair_is_a_tuple: same {
        #[derive(Cacheable)]
        pub enum T { A(u8, u8) }
    } {
        #[derive(Cacheable)]
        pub enum T { A((u8, u8)) }
    }

    a_nested_change: different {
        #[derive(Cacheable)]
        pub enum T { A { x: u8 } }
    } {
        #[derive(Cacheable)]
        pub enum T { A { y: u8 } }
    }

    a_result: same {
        pub type T = Result<u8, String>;
    } {
        #[derive(Cacheable)]
        pub enum T { Ok(u8), Err(String) }
    }

    renamed_variants: same {
        #[allow(non_camel_case_types)]
        #[derive(Cacheable)]
        pub enum T { first_one, SecondOne }
    } {
        #[derive(Cacheable)]
        #[serde(rename_all = "snake_case")]
        pub enum T { FirstOne, #[serde(rename = "SecondOne")] Two }
    }

    renamed_fields_of_all_variants: same {
        #[derive(Cacheable)]
        pub enum T { A { firstName: u8 } }
    } {
        #[derive(Cacheable)]
        #[serde(rename_all_fields = "camelCase")]
        pub enum T { A { first_name: u8 } }
    }

    renamed_fields_of_one_variant: same {
        #[derive(Cacheable)]
        pub enum T { A { firstName: u8 } }
    } {
        #[derive(Cacheable)]
        #[serde(rename_all_fields = "UPPERCASE")]
        pub enum T { #[serde(rename_all = "camelCase")] A { first_name: u8 } }
    }

    renamed_variants_are_not_renamed_fields: same {
        #[allow(non_camel_case_types)]
        #[derive(Cacheable)]
        pub enum T { a { first_name: u8 } }
    } {
        #[derive(Cacheable)]
        #[serde(rename_all = "camelCase")]
        pub enum T { A { first_name: u8 } }
    }

    renamed_for_reading_alone: different {
        #[derive(Cacheable)]
        pub enum T { A }
    } {
        #[derive(Cacheable)]
        pub enum T { #[serde(rename(deserialize = "x"))] A }
    }

    aliases: same {
        #[derive(Cacheable)]
        pub enum T { A }
    } {
        #[derive(Cacheable)]
        pub enum T { #[serde(alias = "x")] A }
    }

    a_tag: different {
        #[derive(Cacheable)]
        pub enum T { A, B(u8), C { x: u8, y: u8 } }
    } {
        #[derive(Cacheable)]
        #[serde(tag = "type")]
        pub enum T { A, B(u8), C { x: u8, y: u8 } }
    }

    another_tag: different {
        #[derive(Cacheable)]
        #[serde(tag = "kind")]
        pub enum T { A, B(u8), C { x: u8, y: u8 } }
    } {
        #[derive(Cacheable)]
        #[serde(tag = "type")]
        pub enum T { A, B(u8), C { x: u8, y: u8 } }
    }

    a_tag_and_content: different {
        #[derive(Cacheable)]
        #[serde(tag = "type", content = "value")]
        pub enum T { A, B(u8), C { x: u8, y: u8 } }
    } {
        #[derive(Cacheable)]
        #[serde(tag = "type")]
        pub enum T { A, B(u8), C { x: u8, y: u8 } }
    }

    another_content_key: different {
        #[derive(Cacheable)]
        #[serde(tag = "type", content = "value")]
        pub enum T { A, B(u8), C { x: u8, y: u8 } }
    } {
        #[derive(Cacheable)]
        #[serde(tag = "type", content = "data")]
        pub enum T { A, B(u8), C { x: u8, y: u8 } }
    }

    tags_in_two_attributes: same {
        #[derive(Cacheable)]
        #[serde(tag = "type", content = "value")]
        pub enum T { A, B(u8), C { x: u8, y: u8 } }
    } {
        #[derive(Cacheable)]
        #[serde(content = "value")]
        #[serde(tag = "type")]
        pub enum T { A, B(u8), C { x: u8, y: u8 } }
    }

    untagged: different {
        #[derive(Cacheable)]
        pub enum T { A, B(u8), C { x: u8, y: u8 } }
    } {
        #[derive(Cacheable)]
        #[serde(untagged)]
        pub enum T { A, B(u8), C { x: u8, y: u8 } }
    }

    names_of_untagged_variants: same {
        #[derive(Cacheable)]
        #[serde(untagged)]
        pub enum T { A(u8), B(String) }
    } {
        #[derive(Cacheable)]
        #[serde(untagged)]
        pub enum T { X(u8), Y(String) }
    }

    the_order_of_untagged_variants: different {
        #[derive(Cacheable)]
        #[serde(untagged)]
        pub enum T { A(u8), B(u16) }
    } {
        #[derive(Cacheable)]
        #[serde(untagged)]
        pub enum T { B(u16), A(u8) }
    }

    one_untagged_variant: different {
        #[derive(Cacheable)]
        pub enum T { A(u8), B(String) }
    } {
        #[derive(Cacheable)]
        pub enum T { A(u8), #[serde(untagged)] B(String) }
    }

    skipped: same {
        #[derive(Cacheable)]
        pub enum T { A }
    } {
        #[derive(Cacheable)]
        pub enum T { A, #[serde(skip)] B(std::cell::Cell<u8>) }
    }

    not_written: different {
        #[derive(Cacheable)]
        pub enum T { A, B }
    } {
        #[derive(Cacheable)]
        pub enum T { A, #[serde(skip_serializing)] B }
    }

    not_read: different {
        #[derive(Cacheable)]
        pub enum T { A, B }
    } {
        #[derive(Cacheable)]
        pub enum T { A, #[serde(skip_deserializing)] B }
    }

    whatever_else_is_read: different {
        #[derive(Cacheable)]
        pub enum T { A, B }
    } {
        #[derive(Cacheable)]
        pub enum T { A, #[serde(other)] B }
    }

    a_variant_with: different {
        #[derive(Cacheable)]
        pub enum T { A(u8) }
    } {
        #[derive(Cacheable)]
        pub enum T { #[serde(with = "text")] A(u8) }
    }

    numbers: different {
        #[derive(Cacheable)]
        pub enum T { A = 1, B = 2 }
    } {
        #[derive(Cacheable)]
        pub enum T { A = 2, B = 1 }
    }

    a_named_shape_within: different {
        #[derive(Cacheable)]
        pub enum T { A(#[cacheable(shape = "x")] u8) }
    } {
        #[derive(Cacheable)]
        pub enum T { A(#[cacheable(shape = "y")] u8) }
    }
}
