//! Data from a seed: records, documents, prose, and noise.

mod documents;
mod prose;
mod records;

use fastrand::Rng;

use larder_benches::Failure;

pub(crate) use self::records::records;

/// Values of one kind.
#[derive(Debug)]
pub(crate) struct Corpus {
    pub(crate) name: &'static str,
    pub(crate) values: Vec<Vec<u8>>,
}

const SEED: u64 = 0x1A2D_E200;

/// Half a megabyte to three of each kind.
pub(crate) fn all() -> Result<Vec<Corpus>, Failure> {
    let mut rng = Rng::with_seed(SEED);
    let corpus = |name, values| Corpus { name, values };
    let corpora = [
        corpus("JSON 1K", documents(&mut rng, 1000)?),
        corpus("MessagePack 1K", records(&mut rng, 1000, 900..1100)?),
        corpus("text 4K", prose::texts(&mut rng, 300, 4 << 10)),
        corpus("text 64K", prose::texts(&mut rng, 40, 64 << 10)),
        corpus("text 1M", prose::texts(&mut rng, 3, 1 << 20)),
        corpus("noise 4K", noise(&mut rng, 300, 4 << 10)),
        corpus("mixed", mixed(&mut rng)?),
    ];
    Ok(corpora.into())
}

/// JSON documents of about 1 KiB.
pub(crate) fn documents(rng: &mut Rng, count: usize) -> Result<Vec<Vec<u8>>, Failure> {
    (0..count).map(|_| documents::document(rng)).collect()
}

/// One large text.
pub(crate) fn large(bytes: usize) -> Vec<u8> {
    let mut rng = Rng::with_seed(SEED);
    prose::texts(&mut rng, 1, bytes).swap_remove(0)
}

/// What was compressed or encrypted already.
fn noise(rng: &mut Rng, count: usize, bytes: usize) -> Vec<Vec<u8>> {
    let one = |_| (0..bytes).map(|_| rng.u8(..)).collect();
    (0..count).map(one).collect()
}

/// All kinds in one namespace, a third of it noise.
fn mixed(rng: &mut Rng) -> Result<Vec<Vec<u8>>, Failure> {
    let mut values = documents(rng, 100)?;
    values.extend(records(rng, 100, 900..1100)?);
    values.extend(prose::texts(rng, 60, 4 << 10));
    values.extend(prose::texts(rng, 10, 64 << 10));
    values.extend(noise(rng, 60, 1 << 10));
    values.extend(noise(rng, 60, 4 << 10));
    values.extend(noise(rng, 10, 64 << 10));
    rng.shuffle(&mut values);
    Ok(values)
}
