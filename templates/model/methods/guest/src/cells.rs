//! Pre-processing: from a picture of 32 x 32 pixels to the 8 x 8 numbers that the model was trained on.

/// The least difference between the darkest and the brightest pixel.
const CONTRAST: u8 = 64;

/// For each cell of 4 x 4 pixels, the share of them that is dark: darker than halfway between the extremes.
pub fn cells(pixels: &[u8; 1024]) -> [f32; 64] {
    let darkest = *pixels.iter().min().expect("there are pixels");
    let brightest = *pixels.iter().max().expect("there are pixels");
    let contrast = brightest - darkest;
    assert!(
        contrast >= CONTRAST,
        "the picture has a contrast of {contrast}: at least {CONTRAST} is needed"
    );
    let limit = darkest + contrast / 2;
    let mut dark = [0u8; 64];
    for (row, line) in pixels.chunks_exact(32).enumerate() {
        for (column, pixel) in line.iter().enumerate() {
            dark[row / 4 * 8 + column / 4] += u8::from(*pixel <= limit);
        }
    }
    dark.map(|count| f32::from(count) / 16.0)
}
