"""Words of prose with which makers and products are named, as in Stack Exchange or Command Line Parser.

Only these may stand in a name, and only with a capital. Whatever word is not among them is no name, so nothing that a
license may say of terms has to be known.
"""

from pkgintel.licenses.texts.words import word_set

NAMED = word_set(
    """
    abstract adapter adapters ai alpha analog analytics annotations api apps arch archive area array art artist
    arts aspect assemblies assembly assert assertions assistant attributes automation awesome backend background
    base bash basic bindings bison bit bits bitstream blockchain blog board body bond book books boot bootstrap
    border bot brain bug build builder bus byte caching camera canonical capital car catalogue cell center
    central chain channel channels chart chat circuit circuits classification classpath clean clear client
    climate co codec collaborative collections color command commands committee community compiler compilers
    composition compress compression computation computational compute computing concept configuration container
    containers context contrib controller coordinator core corp corporation counter cpp creator crypto
    cryptography css cygwin dashboard database db debug debugging decoder deep definitions dependency designer
    detection developer di diagnostic dictionary diff disc discovery disk district doc docs door dot drawing
    drive driver drop dynamic earth easy editor ef effects efficient elastic electronics emulator encoder
    encoding encryption energy engine enterprise exchange executive expert expression expressions extended
    extensions extra extreme eye fake family film filter filters finance fire flash flex flow fluent font fonts
    formatters foundry fragments frame framework frameworks freedom freertos front gate generator generators
    generic git github global glyph gnome go gold graph great ground guard guide guy hack hand happy harbor hash
    head header headers heart helper hex high history horizon hot house html http human hybrid icon icons icu
    idea imaging index info innovation input insights institute instruments insurance interactive invent io
    javafx javascript javassist job join journal js jump kernel knowledge label lang latex layer layout legend
    liberty light line linked loader logic login macro magnet main manager map markdown markup mask master match
    matrix mechanical menu message messaging meta metadata method metric metrics middleware mind mine mirror
    mission mix modern module moment monitoring motion mouse mq ms multi multimedia music my native nest net
    neural next nmap node nodes noise notes nuget objects oil old openjdk openssl openvpn org origin os outlook
    pack packages packet pages paint panel paper parallel parser parsing path pattern pdf perf photo picture
    pipelines planet play player plug plugin plugins pocket pointer polygon port portable portal position
    positive powered precision print printer pro processing profile promise protocol protocols proxy publisher
    publishing pure push py quality queries query quick radio random raw reader reality registry render
    rendering repository resource robot rocket room route routing ruby rule runtime samba satellite scale
    scanner scenario schema scheme schemes science scientific script scripting seal sendmail sense sensor
    sensors serial series servlet shape sheet shell shield show side sign signal silicon simple simplified
    simulation six size sketch skill skills smooth society sound sourceforge spec specification speech spirit
    splash split square ssh stability stack stage star start step strategy stream streaming streams string
    structure style styles sub subversion success suite svg switch symbol syntax table tables tag talk target
    task tasks telecommunications telemetry template templates terminal texinfo texts theme think thread token
    tokens tool tooling toolkit top touch trace tracing track transit transparent transport tree trigger triple
    trustees tune turbo tutorials ui ultra union unique updater uri url utilities utility uuid valgrind
    validation variant vector vectors ventures verb versioning view vim voice water wave webserver widget
    widgets window wireless wise word words worker workflow workspace worm wrap wrapper wrappers writer xml yacc
    yaml zero zip zone
    """
)
