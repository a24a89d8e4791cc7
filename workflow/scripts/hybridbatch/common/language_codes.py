"""Our language codes (BCP-47) in the words of the translation models."""

import langcodes

from hybridbatch.common.errors import UserError

FAMILIES = ("m2m100", "nllb", "madlad", "marian")

# M2M-100's own codes. Where theirs differs from ours, see M2M100_NAMES.
M2M100 = frozenset(
    """
af am ar ast az ba be bg bn br bs ca ceb cs cy da de el en es et fa ff fi fr fy ga gd gl gu ha he hi hr ht hu
hy id ig ilo is it ja jv ka kk km kn ko lb lg ln lo lt lv mg mk ml mn mr ms my ne nl no ns oc or pa pl ps pt
ro ru sd si sk sl so sq sr ss su sv sw ta th tl tn tr uk ur uz vi wo xh yi yo zh zu
""".split()  # noqa: SIM905 - a table that can be read
)
M2M100_NAMES = {"fil": "tl", "nb": "no", "nso": "ns"}

# Our code and the one of FLORES-200, which NLLB uses: ISO 639-3 and a script. A code without script means the first script.
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
""".split()  # noqa: SIM905 - a table that can be read
)

# Languages of the MADLAD-400 translation models that are common enough to be named here; theirs are longer (419). The
# models name most as we do; for the rest the tokenizer's vocabulary decides between the names in MADLAD_NAMES.
MADLAD = frozenset(
    """
ace af ak am ar as av ay az ba be bg bho bik bm bn bo br bs ca ce ceb ch chr ckb co crh cs cv cy da de din dv
dyu dz ee el en eo es et eu fa fi fil fj fo fon fr fy ga gd gl gn gom grc gsw gu gv ha haw he hi hil hmn hr ht
hu hy id ig ilo is it iu ja jv ka kaa kac kbp kg kk kl km kn ko ku kv kw ky la lb lg ln lo lt ltg lu lus lv
mad mai mg mi min mk ml mn mni mr ms mt my ne new nl no nr nso nv ny oc om or os pa pag pam pap pl ps pt qu rm
rn ro rom ru rw sa sah sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tet tg th ti tk tn to tr ts tt
tyv udm ug uk ur uz ve vec vi wa war wo xh yi yo yue za zh zu
""".split()  # noqa: SIM905 - a table that can be read
)
MADLAD_NAMES = {"he": ["he", "iw"], "fil": ["fil", "tl"], "nb": ["no"], "jv": ["jv", "jw"], "yi": ["yi", "ji"]}


def model_codes(family: str, language: str) -> list[str]:
    """Return the names that models of a family may have for a language, the likeliest first.

    For ``m2m100`` and ``nllb`` there is exactly one, from their published lists; for ``madlad`` and ``marian``, whose lists
    differ from model to model, the vocabulary must say which one holds. A region that does not change the script is left
    out where the model has no word for it: ``pt-BR`` is then ``pt``.

    Args:
        family: one of ``FAMILIES``.
        language: a BCP-47 code.

    Raises:
        UserError: if no model of the family knows the language.
    """
    for code in _general(language):
        if names := _names(family, code):
            return names
    raise UserError(
        f"language {language!r}: models of the family {family} do not know it; allowed: {', '.join(_known(family))}; "
        "leave the language out or use another translator"
    )


def check_codes(family: str, source: str, target: str) -> None:
    """Check that some model of a family knows two languages, without any model at hand.

    Raises:
        UserError: if none does.
    """
    for language in (source, target):
        if family in ("m2m100", "nllb") or language == target:
            model_codes(family, language)


def _general(language: str) -> list[str]:
    """Return a code, then what it says without its region, if both are written in the same script."""
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
    """Return ISO 639-3 and 639-1 names with and without script, as OPUS models of different years use them."""
    tag = langcodes.Language.get(code)
    three = {"zh": "cmn", "zho": "cmn"}.get(str(tag.language), tag.to_alpha3())
    plain = [three, tag.to_alpha3(), str(tag.language)]
    scripted = [f"{name}_{tag.maximize().script}" for name in plain]
    return list(dict.fromkeys([*scripted, *plain] if tag.script else [*plain, *scripted]))


def _known(family: str) -> list[str]:
    known = {"m2m100": M2M100, "nllb": set(NLLB), "madlad": MADLAD}.get(family, frozenset())
    return sorted(known)
