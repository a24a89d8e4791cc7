"""The codes by which Belebele, like FLORES-200, names language variants."""

from hybridbatch.common.language_codes import NLLB

# The variants that Belebele has, by FLORES-200's codes: language (ISO 639-3) and script (ISO 15924).
VARIANTS = """
    acm_Arab afr_Latn als_Latn amh_Ethi apc_Arab arb_Arab arb_Latn ars_Arab ary_Arab arz_Arab asm_Beng azj_Latn bam_Latn
    ben_Beng ben_Latn bod_Tibt bul_Cyrl cat_Latn ceb_Latn ces_Latn ckb_Arab dan_Latn deu_Latn ell_Grek eng_Latn est_Latn
    eus_Latn fin_Latn fra_Latn fuv_Latn gaz_Latn grn_Latn guj_Gujr hat_Latn hau_Latn heb_Hebr hin_Deva hin_Latn hrv_Latn
    hun_Latn hye_Armn ibo_Latn ilo_Latn ind_Latn isl_Latn ita_Latn jav_Latn jpn_Jpan kac_Latn kan_Knda kat_Geor kaz_Cyrl
    kea_Latn khk_Cyrl khm_Khmr kin_Latn kir_Cyrl kor_Hang lao_Laoo lin_Latn lit_Latn lug_Latn luo_Latn lvs_Latn mal_Mlym
    mar_Deva mkd_Cyrl mlt_Latn mri_Latn mya_Mymr nld_Latn nob_Latn npi_Deva npi_Latn nso_Latn nya_Latn ory_Orya pan_Guru
    pbt_Arab pes_Arab plt_Latn pol_Latn por_Latn ron_Latn rus_Cyrl shn_Mymr sin_Latn sin_Sinh slk_Latn slv_Latn sna_Latn
    snd_Arab som_Latn sot_Latn spa_Latn srp_Cyrl ssw_Latn sun_Latn swe_Latn swh_Latn tam_Taml tel_Telu tgk_Cyrl tgl_Latn
    tha_Thai tir_Ethi tsn_Latn tso_Latn tur_Latn ukr_Cyrl urd_Arab urd_Latn uzn_Latn vie_Latn war_Latn wol_Latn xho_Latn
    yor_Latn zho_Hans zho_Hant zsm_Latn zul_Latn
""".split()  # noqa: SIM905 - a word each is easier to read and to compare
# Variants in Latin script that FLORES-200 itself, and so NLLB, does not have.
ROMANISED = {
    "ar-Latn": "arb_Latn",
    "bn-Latn": "ben_Latn",
    "hi-Latn": "hin_Latn",
    "ne-Latn": "npi_Latn",
    "si-Latn": "sin_Latn",
    "ur-Latn": "urd_Latn",
}


def flores_code(language: str) -> str:
    """Return the code of a language that Belebele has, such as ``zho_Hans`` for ``zh``.

    Raises:
        ValueError: if Belebele has no such language.
    """
    code = ROMANISED.get(language) or NLLB.get(language)
    if code not in VARIANTS:
        known = sorted(name for name, value in {**NLLB, **ROMANISED}.items() if value in VARIANTS)
        raise ValueError(f"languages: Belebele has no {language!r}; allowed: {', '.join(known)}")
    return code
