//! Types that contain themselves, or each other.

use crate::pairs;

pairs! {
    another_name: same {
        #[derive(Cacheable)]
        pub struct T { children: Vec<T>, value: u8 }
    } {
        #[derive(Cacheable)]
        pub struct Tree { children: Vec<Tree>, value: u8 }
        pub type T = Tree;
    }

    by_its_own_name_or_as_self: same {
        #[derive(Cacheable)]
        pub struct T { children: Vec<T>, value: u8 }
    } {
        #[derive(Cacheable)]
        pub struct T { children: Vec<Self>, value: u8 }
    }

    a_change_beside: different {
        #[derive(Cacheable)]
        pub struct T { children: Vec<T>, value: u8 }
    } {
        #[derive(Cacheable)]
        pub struct T { children: Vec<T>, value: u16 }
    }

    another_wrapper: different {
        #[derive(Cacheable)]
        pub struct T { next: Option<Box<T>> }
    } {
        #[derive(Cacheable)]
        pub struct T { next: Vec<T> }
    }

    what_else_is_in_the_wrapper: different {
        #[derive(Cacheable)]
        pub struct T { children: BTreeMap<u8, T> }
    } {
        #[derive(Cacheable)]
        pub struct T { children: BTreeMap<u16, T> }
    }

    not_itself_but_another: different {
        #[derive(Cacheable)]
        pub struct T { a: Vec<T> }
    } {
        #[derive(Cacheable)]
        pub struct T { a: Vec<u8> }
    }

    with_parameters: different {
        #[derive(Cacheable)]
        pub struct Tree<A> { children: Vec<Tree<A>>, value: A }
        pub type T = Tree<u8>;
    } {
        #[derive(Cacheable)]
        pub struct Tree<A> { children: Vec<Tree<A>>, value: A }
        pub type T = Tree<u16>;
    }

    in_an_enum: different {
        #[derive(Cacheable)]
        pub enum T { Leaf(u8), Node { left: Box<T>, right: Box<T> } }
    } {
        #[derive(Cacheable)]
        pub enum T { Leaf(u16), Node { left: Box<T>, right: Box<T> } }
    }

    each_other: different {
        #[derive(Cacheable)]
        pub struct T { others: Vec<Other> }
        #[derive(Cacheable)]
        pub struct Other { #[cacheable(recursive)] back: Option<Box<T>>, value: u8 }
    } {
        #[derive(Cacheable)]
        pub struct T { others: Vec<Other> }
        #[derive(Cacheable)]
        pub struct Other { #[cacheable(recursive)] back: Option<Box<T>>, value: u16 }
    }

    the_text_of_a_recursive_field: different {
        #[derive(Cacheable)]
        pub struct T { #[cacheable(recursive)] a: Option<Box<u8>> }
    } {
        #[derive(Cacheable)]
        pub struct T { #[cacheable(recursive)] a: Vec<u8> }
    }
}
