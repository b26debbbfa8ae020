//! Whole types: kinds, serde's attributes on them, parameters.

use crate::pairs;

pairs! {
    a_struct_is_not_a_tuple: different {
        #[derive(Cacheable)]
        pub struct T { a: u32, b: u8 }
    } {
        #[derive(Cacheable)]
        pub struct T(u32, u8);
    }

    a_tuple_struct_is_a_tuple: same {
        pub type T = (u32, u8);
    } {
        #[derive(Cacheable)]
        pub struct T(u32, u8);
    }

    the_order_of_a_tuple: different {
        pub type T = (u8, u32);
    } {
        #[derive(Cacheable)]
        pub struct T(u32, u8);
    }

    one_unnamed_field_is_its_value: same {
        pub type T = u32;
    } {
        #[derive(Cacheable)]
        pub struct T(u32);
    }

    one_named_field_is_not: different {
        pub type T = u32;
    } {
        #[derive(Cacheable)]
        pub struct T { a: u32 }
    }

    one_of_two_unnamed_fields_is_a_tuple: different {
        pub type T = u32;
    } {
        #[derive(Cacheable)]
        pub struct T(u32, #[serde(skip)] u8);
    }

    a_unit_struct_is_no_unit: different {
        pub type T = ();
    } {
        #[derive(Cacheable)]
        pub struct T;
    }

    unit_structs: same {
        pub type T = PhantomData<u8>;
    } {
        #[derive(Cacheable)]
        pub struct T;
    }

    no_fields: different {
        #[derive(Cacheable)]
        pub struct T {}
    } {
        #[derive(Cacheable)]
        pub struct T;
    }

    transparent: same {
        pub type T = u32;
    } {
        #[derive(Cacheable)]
        #[serde(transparent)]
        pub struct T { a: u32, b: PhantomData<u8>, #[serde(skip)] c: u8 }
    }

    renamed_fields: same {
        #[derive(Cacheable)]
        pub struct T { firstName: u32 }
    } {
        #[derive(Cacheable)]
        #[serde(rename_all = "camelCase")]
        pub struct T { first_name: u32 }
    }

    a_rename_goes_before_the_rule: same {
        #[derive(Cacheable)]
        pub struct T { x: u32 }
    } {
        #[derive(Cacheable)]
        #[serde(rename_all = "camelCase")]
        pub struct T { #[serde(rename = "x")] first_name: u32 }
    }

    renamed_fields_for_reading_alone: different {
        #[derive(Cacheable)]
        pub struct T { first_name: u32 }
    } {
        #[derive(Cacheable)]
        #[serde(rename_all(deserialize = "camelCase"))]
        pub struct T { first_name: u32 }
    }

    the_name_that_serde_calls_the_type: same {
        #[derive(Cacheable)]
        pub struct T { a: u32, b: String }
    } {
        #[derive(Cacheable)]
        #[serde(rename = "Other")]
        pub struct T { a: u32, b: String }
    }

    a_tagged_struct: different {
        #[derive(Cacheable)]
        pub struct T { a: u32, b: String }
    } {
        #[derive(Cacheable)]
        #[serde(tag = "type")]
        pub struct T { a: u32, b: String }
    }

    another_tag: different {
        #[derive(Cacheable)]
        #[serde(tag = "kind")]
        pub struct T { a: u32, b: String }
    } {
        #[derive(Cacheable)]
        #[serde(tag = "type")]
        pub struct T { a: u32, b: String }
    }

    a_tagged_struct_writes_its_name: different {
        #[derive(Cacheable)]
        #[serde(tag = "type")]
        pub struct T { a: u32, b: String }
    } {
        #[derive(Cacheable)]
        #[serde(tag = "type")]
        pub struct Other { a: u32, b: String }
        pub type T = Other;
    }

    a_tagged_struct_that_is_renamed: same {
        #[derive(Cacheable)]
        #[serde(tag = "type")]
        pub struct T { a: u32, b: String }
    } {
        #[derive(Cacheable)]
        #[serde(tag = "type", rename = "T")]
        pub struct Other { a: u32, b: String }
        pub type T = Other;
    }

    unknown_fields: different {
        #[derive(Cacheable)]
        pub struct T { a: u32, b: String }
    } {
        #[derive(Cacheable)]
        #[serde(deny_unknown_fields)]
        pub struct T { a: u32, b: String }
    }

    defaults: different {
        #[derive(Cacheable)]
        pub struct T { a: u32, b: String }
    } {
        #[derive(Cacheable)]
        #[serde(default)]
        pub struct T { a: u32, b: String }
    }

    without_effect: same {
        #[derive(Cacheable)]
        pub struct T { a: u32, b: String }
    } {
        #[derive(Cacheable)]
        #[serde(expecting = "an object", bound = "", crate = "serde")]
        pub struct T { a: u32, b: String }
    }

    converted: same {
        pub type T = u64;
    } {
        #[derive(Cacheable)]
        #[serde(from = "u64", into = "u64")]
        pub struct T { #[cacheable(shape = "x")] a: u8 }
    }

    converted_where_that_can_fail: same {
        pub type T = u64;
    } {
        #[derive(Cacheable)]
        #[serde(try_from = "u64", into = "u64")]
        pub struct T { a: u8 }
    }

    converted_for_writing_alone: different {
        pub type T = u64;
    } {
        #[derive(Cacheable)]
        #[serde(into = "u64")]
        pub struct T { a: u8 }
    }

    what_is_not_converted_counts: different {
        #[derive(Cacheable)]
        #[serde(into = "u64")]
        pub struct T { a: u16 }
    } {
        #[derive(Cacheable)]
        #[serde(into = "u64")]
        pub struct T { a: u8 }
    }

    a_named_shape: same {
        #[derive(Cacheable)]
        #[cacheable(shape = "money-v1")]
        pub struct T { a: u8 }
    } {
        #[derive(Cacheable)]
        #[cacheable(shape = "money-v1")]
        pub struct T(std::cell::Cell<u8>);
    }

    another_named_shape: different {
        #[derive(Cacheable)]
        #[cacheable(shape = "money-v1")]
        pub struct T { a: u8 }
    } {
        #[derive(Cacheable)]
        #[cacheable(shape = "money-v2")]
        pub struct T { a: u8 }
    }

    parameters: same {
        #[derive(Cacheable)]
        pub struct Page<A> { items: Vec<A>, next: Option<u64> }
        pub type T = Page<String>;
    } {
        #[derive(Cacheable)]
        pub struct T { items: Vec<String>, next: Option<u64> }
    }

    other_parameters: different {
        #[derive(Cacheable)]
        pub struct Page<A> { items: Vec<A> }
        pub type T = Page<u8>;
    } {
        #[derive(Cacheable)]
        pub struct Page<A> { items: Vec<A> }
        pub type T = Page<u16>;
    }

    parameters_with_bounds: same {
        #[derive(Cacheable)]
        pub struct Page<A: Clone, B = u8>
        where
            B: Copy,
        {
            items: Vec<A>,
            b: B,
        }
        pub type T = Page<String>;
    } {
        #[derive(Cacheable)]
        pub struct T { items: Vec<String>, b: u8 }
    }

    lengths: different {
        #[derive(Cacheable)]
        pub struct Fixed<const N: usize> { a: [u8; N] }
        pub type T = Fixed<2>;
    } {
        #[derive(Cacheable)]
        pub struct Fixed<const N: usize> { a: [u8; N] }
        pub type T = Fixed<3>;
    }
}
