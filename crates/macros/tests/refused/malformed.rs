use larder_macros::Cacheable;

#[derive(Cacheable)]
#[cacheable(crate = "larder_cache_core", shape = "")]
struct Empty;

#[derive(Cacheable)]
#[cacheable(crate = "larder_cache_core", shape = 7)]
struct Number;

#[derive(Cacheable)]
#[cacheable(crate = "larder_cache_core", from())]
struct FromNothing;

#[derive(Cacheable)]
#[cacheable(crate = "larder_cache_core")]
#[serde(rename_all = "Camel")]
struct Case {
    id: u32,
}

fn main() {}
