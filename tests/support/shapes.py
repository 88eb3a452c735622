"""Of which stages the methods consist, by settings."""

UNMERGED = {"regions": {"max_regions": 0}}
SALIENCY = {"data": {"saliency": "maps"}}
MADE = {"data": {"saliency": "make"}}
CRF = {"cam_crf": True}
GIVEN = {"given": {"labels": "masks of mine"}}
PLAIN = {"seam": {"plain": True}}
KINDS = {"superpixels": "regions", "regions": "regions", "icd": "model", "classifier": "model", "affinity": "model",
         "cam": "scores", "scores": "scores", "cam_masks": "masks", "cam_crf": "masks", "seeds": "masks",
         "marginals": "marginals", "labels": "masks", "walk": "masks", "pseudo": "masks", "segmenter": "model",
         "relabel": "masks", "mcis": "model", "maps": "scores", "oaa": "model", "accumulated": "scores",
         "oaa_plus": "model", "seam": "model", "map_masks": "masks", "graph": "probabilities", "clip": "model",
         "segmenter_2": "model", "relabel_2": "masks", "pseudo_2": "masks", "saliency": "saliency"}
END = " segmenter relabel"
NO_END = {"rounds": 0}
SHAPES = {
    "icd": ("icd", {}, "superpixels regions icd cam cam_masks scores seeds pseudo" + END),
    "icd, no end": ("icd", NO_END, "superpixels regions icd cam cam_masks scores seeds pseudo"),
    "icd, unmerged": ("icd", UNMERGED, "regions icd cam cam_masks scores seeds pseudo" + END),
    "icd, saliency": ("icd", SALIENCY, "superpixels regions icd cam cam_masks scores pseudo" + END),
    "icd, saliency made": ("icd", MADE, "saliency superpixels regions icd cam cam_masks scores pseudo" + END),
    "icd, cam_crf": ("icd", CRF, "superpixels regions icd cam cam_masks scores cam_crf seeds pseudo" + END),
    "icd, all": ("icd", {**UNMERGED, **SALIENCY, **CRF}, "regions icd cam cam_masks scores cam_crf pseudo" + END),
    "affinitynet": ("affinitynet", {}, "classifier cam cam_masks marginals labels affinity walk pseudo" + END),
    "affinitynet, cam_crf": ("affinitynet", CRF, "classifier cam cam_masks cam_crf marginals labels affinity walk "
                             "pseudo" + END),
    "affinitynet, labels": ("affinitynet", GIVEN, "classifier cam cam_masks labels affinity walk pseudo" + END),
    "affinitynet, rounds": ("affinitynet", {"rounds": 2}, "classifier cam cam_masks marginals labels affinity walk "
                            "pseudo" + END + " segmenter_2 relabel_2"),
    "cian": ("cian", {}, "classifier cam cam_masks seeds segmenter pseudo segmenter_2 pseudo_2"),
    "cian, saliency": ("cian", SALIENCY, "classifier cam cam_masks seeds segmenter pseudo segmenter_2 pseudo_2"),
    "cian, saliency made": ("cian", MADE, "saliency classifier cam cam_masks seeds segmenter pseudo segmenter_2 "
                            "pseudo_2"),
    "cian, one round": ("cian", {"rounds": 1}, "classifier cam cam_masks seeds segmenter pseudo"),
    "mcis": ("mcis", {}, "mcis cam cam_masks maps labels pseudo" + END),
    "mcis, saliency": ("mcis", SALIENCY, "mcis cam cam_masks maps pseudo" + END),
    "mcis, saliency made": ("mcis", MADE, "saliency mcis cam cam_masks maps pseudo" + END),
    "oaa": ("oaa", {}, "oaa cam cam_masks accumulated oaa_plus maps labels pseudo" + END),
    "oaa, one network": ("oaa", {"plus": False}, "oaa cam cam_masks accumulated labels pseudo" + END),
    "oaa, saliency": ("oaa", SALIENCY, "oaa cam cam_masks accumulated oaa_plus maps pseudo" + END),
    "oaa, saliency made": ("oaa", MADE, "saliency oaa cam cam_masks accumulated oaa_plus maps pseudo" + END),
    "seam": ("seam", {}, "seam cam cam_masks maps map_masks marginals labels affinity walk pseudo" + END),
    "seam, plain": ("seam", PLAIN, "seam cam cam_masks marginals labels affinity walk pseudo" + END),
    "seam, labels": ("seam", GIVEN, "seam cam cam_masks maps map_masks labels affinity walk pseudo" + END),
    "a2gnn": ("a2gnn", {}, "classifier cam cam_masks seeds affinity graph pseudo" + END),
    "a2gnn, given": ("a2gnn", {"given": {"cam": "SEAM's maps"}}, "cam cam_masks seeds affinity graph pseudo" + END),
    "a2gnn, no end": ("a2gnn", NO_END, "classifier cam cam_masks seeds affinity graph pseudo"),
    "clip_es": ("clip_es", {}, "clip maps labels pseudo" + END),
    "retrain": ("retrain", {}, "labels" + END),
}
