"""The codes that translation models and Belebele use for our languages (BCP-47)."""

import langcodes

from hybridbatch.common.errors import UserError

FAMILIES = ("m2m100", "nllb", "madlad", "marian")

# The codes of M2M-100; M2M100_NAMES has those that differ from ours.
M2M100 = frozenset(
    """
af am ar ast az ba be bg bn br bs ca ceb cs cy da de el en es et fa ff fi fr fy ga gd gl gu ha he hi hr ht hu
hy id ig ilo is it ja jv ka kk km kn ko lb lg ln lo lt lv mg mk ml mn mr ms my ne nl no ns oc or pa pl ps pt
ro ru sd si sk sl so sq sr ss su sv sw ta th tl tn tr uk ur uz vi wo xh yi yo zh zu
""".split()  # noqa: SIM905 - a readable table
)
M2M100_NAMES = {"fil": "tl", "nb": "no", "nso": "ns"}

# Our codes and those of FLORES-200, which NLLB uses: ISO 639-3 and a script. A code without a script means the first script.
NLLB = dict(
    pair.split("=")
    for pair in """
ace=ace_Latn ace-Arab=ace_Arab ace-Latn=ace_Latn acm=acm_Arab acq=acq_Arab aeb=aeb_Arab af=afr_Latn
ajp=ajp_Arab ak=aka_Latn als=als_Latn am=amh_Ethi apc=apc_Arab ar=arb_Arab arb=arb_Arab ars=ars_Arab
ary=ary_Arab arz=arz_Arab as=asm_Beng ast=ast_Latn awa=awa_Deva ay=ayr_Latn ayr=ayr_Latn az=azj_Latn
azb=azb_Arab azj=azj_Latn ba=bak_Cyrl ban=ban_Latn be=bel_Cyrl bem=bem_Latn bg=bul_Cyrl bho=bho_Deva
bjn=bjn_Latn bjn-Arab=bjn_Arab bjn-Latn=bjn_Latn bm=bam_Latn bn=ben_Beng bo=bod_Tibt bs=bos_Latn bug=bug_Latn
ca=cat_Latn ceb=ceb_Latn cjk=cjk_Latn ckb=ckb_Arab crh=crh_Latn cs=ces_Latn cy=cym_Latn da=dan_Latn
de=deu_Latn dik=dik_Latn dyu=dyu_Latn dz=dzo_Tibt ee=ewe_Latn el=ell_Grek en=eng_Latn eo=epo_Latn es=spa_Latn
et=est_Latn eu=eus_Latn fa=pes_Arab fa-AF=prs_Arab fi=fin_Latn fil=tgl_Latn fj=fij_Latn fo=fao_Latn
fon=fon_Latn fr=fra_Latn fur=fur_Latn fuv=fuv_Latn ga=gle_Latn gaz=gaz_Latn gd=gla_Latn gl=glg_Latn
gn=grn_Latn gu=guj_Gujr ha=hau_Latn he=heb_Hebr hi=hin_Deva hne=hne_Deva hr=hrv_Latn ht=hat_Latn hu=hun_Latn
hy=hye_Armn id=ind_Latn ig=ibo_Latn ilo=ilo_Latn is=isl_Latn it=ita_Latn ja=jpn_Jpan jv=jav_Latn ka=kat_Geor
kab=kab_Latn kac=kac_Latn kam=kam_Latn kbp=kbp_Latn kea=kea_Latn kg=kon_Latn khk=khk_Cyrl ki=kik_Latn
kk=kaz_Cyrl km=khm_Khmr kmb=kmb_Latn kmr=kmr_Latn kn=kan_Knda knc=knc_Latn knc-Arab=knc_Arab knc-Latn=knc_Latn
ko=kor_Hang ks=kas_Arab ks-Arab=kas_Arab ks-Deva=kas_Deva ku=kmr_Latn ky=kir_Cyrl lb=ltz_Latn lg=lug_Latn
li=lim_Latn lij=lij_Latn lmo=lmo_Latn ln=lin_Latn lo=lao_Laoo lt=lit_Latn ltg=ltg_Latn lua=lua_Latn
luo=luo_Latn lus=lus_Latn lv=lvs_Latn lvs=lvs_Latn mag=mag_Deva mai=mai_Deva mg=plt_Latn mi=mri_Latn
min=min_Latn mk=mkd_Cyrl ml=mal_Mlym mn=khk_Cyrl mni=mni_Beng mos=mos_Latn mr=mar_Deva ms=zsm_Latn mt=mlt_Latn
my=mya_Mymr nb=nob_Latn ne=npi_Deva nl=nld_Latn nn=nno_Latn no=nob_Latn npi=npi_Deva nso=nso_Latn nus=nus_Latn
ny=nya_Latn oc=oci_Latn om=gaz_Latn or=ory_Orya ory=ory_Orya pa=pan_Guru pag=pag_Latn pap=pap_Latn
pbt=pbt_Arab pes=pes_Arab pl=pol_Latn plt=plt_Latn prs=prs_Arab ps=pbt_Arab pt=por_Latn qu=quy_Latn
quy=quy_Latn rn=run_Latn ro=ron_Latn ru=rus_Cyrl rw=kin_Latn sa=san_Deva sat=sat_Beng sc=srd_Latn scn=scn_Latn
sd=snd_Arab sg=sag_Latn shn=shn_Mymr si=sin_Sinh sk=slk_Latn sl=slv_Latn sm=smo_Latn sn=sna_Latn so=som_Latn
sq=als_Latn sr=srp_Cyrl ss=ssw_Latn st=sot_Latn su=sun_Latn sv=swe_Latn sw=swh_Latn swh=swh_Latn szl=szl_Latn
ta=tam_Taml taq=taq_Latn taq-Latn=taq_Latn taq-Tfng=taq_Tfng te=tel_Telu tg=tgk_Cyrl th=tha_Thai ti=tir_Ethi
tk=tuk_Latn tl=tgl_Latn tn=tsn_Latn tpi=tpi_Latn tr=tur_Latn ts=tso_Latn tt=tat_Cyrl tum=tum_Latn tw=twi_Latn
tzm=tzm_Tfng ug=uig_Arab uk=ukr_Cyrl umb=umb_Latn ur=urd_Arab uz=uzn_Latn uzn=uzn_Latn vec=vec_Latn
vi=vie_Latn war=war_Latn wo=wol_Latn xh=xho_Latn ydd=ydd_Hebr yi=ydd_Hebr yo=yor_Latn yue=yue_Hant zh=zho_Hans
zh-Hans=zho_Hans zh-Hant=zho_Hant zsm=zsm_Latn zu=zul_Latn
""".split()  # noqa: SIM905 - a readable table
)

# The more common of the 419 languages of the MADLAD-400 translation models. The models use our codes for most of them; for the
# others, the tokenizer's vocabulary decides between the codes in MADLAD_NAMES.
MADLAD = frozenset(
    """
ace af ak am ar as av ay az ba be bg bho bik bm bn bo br bs ca ce ceb ch chr ckb co crh cs cv cy da de din dv
dyu dz ee el en eo es et eu fa fi fil fj fo fon fr fy ga gd gl gn gom grc gsw gu gv ha haw he hi hil hmn hr ht
hu hy id ig ilo is it iu ja jv ka kaa kac kbp kg kk kl km kn ko ku kv kw ky la lb lg ln lo lt ltg lu lus lv
mad mai mg mi min mk ml mn mni mr ms mt my ne new nl no nr nso nv ny oc om or os pa pag pam pap pl ps pt qu rm
rn ro rom ru rw sa sah sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tet tg th ti tk tn to tr ts tt
tyv udm ug uk ur uz ve vec vi wa war wo xh yi yo yue za zh zu
""".split()  # noqa: SIM905 - a readable table
)
MADLAD_NAMES = {"he": ["he", "iw"], "fil": ["fil", "tl"], "nb": ["no"], "jv": ["jv", "jw"], "yi": ["yi", "ji"]}

# The language variants of Belebele by their FLORES-200 codes: language (ISO 639-3) and script (ISO 15924).
BELEBELE = """
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
""".split()  # noqa: SIM905 - a readable table
# Those in Latin script that FLORES-200, and therefore NLLB, does not have.
ROMANISED = {
    "ar-Latn": "arb_Latn",
    "bn-Latn": "ben_Latn",
    "hi-Latn": "hin_Latn",
    "ne-Latn": "npi_Latn",
    "si-Latn": "sin_Latn",
    "ur-Latn": "urd_Latn",
}


def flores_code(language: str) -> str:
    """Return the FLORES-200 code of a language of Belebele, such as ``zho_Hans`` for ``zh``.

    Raises:
        ValueError: if Belebele does not have the language.
    """
    code = ROMANISED.get(language) or NLLB.get(language)
    if code not in BELEBELE:
        allowed = sorted(name for name, value in {**NLLB, **ROMANISED}.items() if value in BELEBELE)
        raise ValueError(f"languages: Belebele has no {language!r}; allowed: {', '.join(allowed)}")
    return code


def model_codes(family: str, language: str) -> list[str]:
    """Return the codes that models of a family may use for a language, the likeliest first.

    For ``m2m100`` and ``nllb`` there is exactly one, from their published lists; ``madlad`` and ``marian`` models differ, and the
    vocabulary of a model shows which one it uses. A region that does not change the script is left out if the family has no code with
    it: ``pt-BR`` becomes ``pt``.

    Args:
        family: one of ``FAMILIES``.
        language: a BCP-47 code.

    Raises:
        UserError: if no model of the family has the language.
    """
    for code in _general(language):
        if names := _names(family, code):
            return names
    languages = {"m2m100": M2M100, "nllb": NLLB, "madlad": MADLAD}.get(family, [])
    raise UserError(
        f"language {language!r}: models of the family {family} do not have it; allowed: {', '.join(sorted(languages))}; "
        "leave the language out or use another translator"
    )


def check_codes(family: str, source: str, target: str) -> None:
    """Check that a family of models has two languages; needs no model.

    Raises:
        UserError: if it lacks one.
    """
    for language in (source, target):
        if family in ("m2m100", "nllb") or language == target:
            model_codes(family, language)


def _general(language: str) -> list[str]:
    """Return a code, then the code without its region if both imply the same script."""
    tag = langcodes.Language.get(language)
    script = tag.maximize().script
    with_script = f"{tag.language}-{script}"
    usual = langcodes.Language.get(str(tag.language)).maximize().script == script
    return list(dict.fromkeys([language, with_script, *([str(tag.language)] if usual else [])]))


def _names(family: str, code: str) -> list[str]:
    if family == "m2m100":
        name = M2M100_NAMES.get(code, code)
        return [name] if name in M2M100 else []
    if family == "nllb":
        return [NLLB[code]] if code in NLLB else []
    if family == "madlad":
        return MADLAD_NAMES.get(code, [code] if code in MADLAD else [])
    if family == "marian":
        return _marian_names(code)
    raise UserError(f"family: {family!r} is unknown; allowed: {', '.join(FAMILIES)}")


def _marian_names(code: str) -> list[str]:
    """Return ISO 639-3 and 639-1 codes with and without script: OPUS models use one or another, depending on their age."""
    tag = langcodes.Language.get(code)
    three = {"zh": "cmn", "zho": "cmn"}.get(str(tag.language), tag.to_alpha3())
    plain = [three, tag.to_alpha3(), str(tag.language)]
    scripted = [f"{name}_{tag.maximize().script}" for name in plain]
    return list(dict.fromkeys([*scripted, *plain] if tag.script else [*plain, *scripted]))
