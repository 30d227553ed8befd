"""A row whose group is missing competes in no list."""

import torch

from leadrank.preference import ranking_metrics


def test_rows_of_no_list_change_no_list_figure():
    score = torch.tensor([3.0, 2.0, 5.0, 1.0, 4.0])
    label = torch.tensor([1.0, 0.0, 0.0, 1.0, 0.0])
    group = torch.tensor([1, 1, 0, 0, 0])
    known = torch.tensor([True, True, False, False, False])
    ones = torch.ones(5)
    found = ranking_metrics(score, label, ones, group=group, group_known=known)
    assert (found["list_auc"], found["list_ndcg"]) == (1.0, 1.0)  # the one list is in order
    as_one_list = ranking_metrics(score, label, ones, group=group)
    assert as_one_list["list_auc"] == 1 / 3  # the others would be two pairs, both wrong
