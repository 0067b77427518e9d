from remnant.report.figures.training import training_curves


def _rows(validation, losses=(1.0, 0.5, 0.25)):
    return [
        {
            "cell": f"{kind}-unet-fold{fold}" + ("-default" if kind == "decoder" else ""),
            "network": "unet",
            "kind": kind,
            "fold": fold,
            "epoch": epoch,
            "loss": losses[epoch - 1],
            "validation": validation,
        }
        for kind in ("segmenter", "decoder")
        for fold in (0, 1)
        for epoch in (3, 1, 2)  # a log is not sorted
    ]


def test_one_line_a_fold_in_the_order_of_epochs():
    figure = training_curves(_rows(None))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["U-Net · segmenter", "U-Net · decoder · ours"]
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata())]
    assert [line.get_label() for line in lines] == ["fold 0", "fold 1"]
    assert list(lines[0].get_xdata()) == [1, 2, 3]
    assert list(lines[0].get_ydata()) == [1.0, 0.5, 0.25]
    assert figure.axes[0].get_yscale() == "log"


def test_validation_is_dashed_and_a_loss_below_zero_gets_a_plain_scale():
    figure = training_curves(_rows(0.7, losses=(1.0, 0.5, -0.2)))
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata())]
    assert [line.is_dashed() for line in lines] == [False, True, False, True]
    assert list(lines[1].get_ydata()) == [0.7] * 3
    assert figure.axes[0].get_yscale() == "linear"


def test_a_closed_form_has_no_panel_unless_it_is_all_there_is():
    rows = _rows(None)
    solved = [{**row, "cell": f"decoder-unet-fold{row['fold']}-linear"} for row in rows if row["epoch"] == 1]
    assert len(training_curves(rows + solved).axes) == 2
    assert len(training_curves(solved[:2]).axes) == 1
