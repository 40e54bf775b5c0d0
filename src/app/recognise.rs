//! `dashcart eval` and `dashcart enrol`.

use super::Failure;
use crate::cli::{EnrolArgs, EvalArgs};
use crate::{enrol, eval};

/// Measures the recogniser on labelled photos and prints how often it is right.
///
/// # Errors
/// [`Failure`] naming what is missing or wrong.
pub fn run_eval(args: &EvalArgs) -> Result<(), Failure> {
    let report = eval::run(&args.options).map_err(Failure::usage)?;
    if args.json {
        println!("{}", serde_json::to_string(&report).map_err(Failure::from_error)?);
        return Ok(());
    }
    let percent = |share: f64| share * 100.0;
    println!(
        "{} photos: top-1 {:.2} %, top-3 {:.2} %, coarse {:.2} %, {:.1} ms a look in the model",
        report.n,
        percent(report.top1),
        percent(report.top3),
        percent(report.coarse_top1),
        report.model_ms_p50
    );
    println!(
        "by sight alone: {:.1} % sure, {:.2} % of them right ({:.1} to {:.1}); at 99 % right {}",
        percent(report.auto_coverage),
        percent(report.auto_precision),
        percent(report.auto_precision_interval[0]),
        percent(report.auto_precision_interval[1]),
        report.coverage_at_99.map_or("none would be".to_owned(), |[coverage, margin]| format!(
            "{:.1} % would be (margin {margin:.2})",
            percent(coverage)
        ))
    );
    if let Some(area) = report.unknown_auroc {
        println!("products that are not enrolled: area under the curve {area:.3}");
    }
    if report.learned_from {
        let split = &args.options.split;
        println!(
            "The model learned from a list {split}: if it is this one, all this says how well it knows these photos."
        );
    }
    for (group, shares) in &report.groups {
        println!(
            "  {group:<12} {:>5} photos: top-1 {:.2} %, top-3 {:.2} %, coarse {:.2} %",
            shares.n,
            percent(shares.top1),
            percent(shares.top3),
            percent(shares.coarse_top1)
        );
    }
    Ok(())
}

/// Enrols products into a gallery and says what they will be confused with.
///
/// # Errors
/// [`Failure`] naming what is missing or wrong; the gallery is then as it was.
pub fn run_enrol(args: &EnrolArgs) -> Result<(), Failure> {
    let report = enrol::run(&args.options).map_err(Failure::usage)?;
    if args.json {
        println!("{}", serde_json::to_string(&report).map_err(Failure::from_error)?);
        return Ok(());
    }
    for warning in &report.warnings {
        println!("warning: {warning}");
    }
    for confusion in &report.confusions {
        let mistaken = confusion.mistaken.map(|share| format!(", {:.0} % of photos mistaken", share * 100.0));
        let (similarity, mistaken) = (confusion.similarity, mistaken.unwrap_or_default());
        println!("looks alike: {} and {} (similarity {similarity:.2}{mistaken})", confusion.sku, confusion.with);
    }
    if !report.confusions.is_empty() {
        println!("What the catalogue lists as a product's look_alikes is asked about instead of sold for it.");
    }
    println!(
        "{} holds {} products, {} entries of {} photos",
        args.options.gallery.display(),
        report.products,
        report.entries,
        report.photos
    );
    Ok(())
}
