//! What does not compile, and what the compiler says of it.

#[test]
fn mistakes_are_named_where_they_are() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
