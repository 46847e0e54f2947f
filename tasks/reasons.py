"""Why an input was set aside, repaired or doubted: the closed list of codes, as data.

A ledger row, a finding and a quarantine record carry one of these codes and nothing else, so a run
can be counted, a person can be told what to do in their language, and no free text can quote a
patient. Whoever needs a new code adds it here with its next step; code that invents one fails its test.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ReasonKind(StrEnum):
    """What a code may mean for an input; a code may mean more than one, by what is damaged."""

    QUARANTINE = "quarantine"
    """No clean output: the input is set aside with exactly this code."""
    SALVAGE = "salvage"
    """Processed, losing or repairing only what the code names."""
    WITHHELD = "withheld"
    """Read and de-identified, but not published until somebody decides."""
    READABLE = "readable"
    """Nothing is wrong with the data; the code explains what became of the input."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One code, told to a person.

    Attributes
    ----------
    retried
        Whether the next run takes the input again by itself.
    alert
        Whether somebody has to be told at once, because a promise was nearly broken, or by us.
    stage
        Where it is noticed: ``list``, ``read``, ``structure``, ``value``, ``deid``, ``pixel``,
        ``duplicate`` or ``gate``.
    meaning, next_step
        What was seen, and what the reader of the report does about it; without final punctuation.
    meaning_zh, next_step_zh
        The same in Chinese.
    """

    code: str
    kinds: frozenset[ReasonKind]
    stage: str
    meaning: str
    next_step: str
    meaning_zh: str
    next_step_zh: str
    retried: bool = False
    alert: bool = False

    @property
    def message(self) -> str:
        """The code in one English sentence that ends with the next step."""
        return f"{self.meaning}; {self.next_step}."

    @property
    def message_zh(self) -> str:
        """The code in one Chinese sentence that ends with the next step."""
        return f"{self.meaning_zh}；{self.next_step_zh}。"


STAGES = ("list", "read", "structure", "value", "deid", "pixel", "duplicate", "gate")
"""The stages of a run in the order an input meets them."""

_Q = frozenset({ReasonKind.QUARANTINE})
_S = frozenset({ReasonKind.SALVAGE})
_W = frozenset({ReasonKind.WITHHELD})
_R = frozenset({ReasonKind.READABLE})

_AT_SOURCE = "correct it at the source if it recurs"
_AT_SOURCE_ZH = "若反复出现，请在来源系统更正"
_SEND_AGAIN = "send the object again from its archive"
_SEND_AGAIN_ZH = "请从归档系统重新发送该对象"
_NOTHING = "nothing needs to be done"
_NOTHING_ZH = "无需处理"
_EXCLUDE = "exclude such objects from the source"
_EXCLUDE_ZH = "请把此类对象排除在来源之外"
_LOOK_AT_PIXELS = "check the image before using its pixels"
_LOOK_AT_PIXELS_ZH = "使用像素前请先检查图像"
_INVESTIGATE = "report it with the code version and the quarantine record"
_INVESTIGATE_ZH = "请附上代码版本和隔离记录上报"

_TABLE = (
    # What lists and opens an object sees.
    Reason(
        "NOT_A_FILE",
        _Q,
        "list",
        "The entry is a directory, a FIFO, a socket or a device, not a file",
        "remove it from the source",
        "该条目是目录、管道、套接字或设备，而不是文件",
        "请将其移出来源",
    ),
    Reason(
        "SYMLINK",
        _Q,
        "list",
        "The entry is a symbolic link, and this run follows none, or one that leads to no regular file",
        "put the file itself into the source, or set follow_links",
        "该条目是符号链接，本次运行不跟随链接，或其目标不是普通文件",
        "请把文件本身放入来源，或设置 follow_links",
    ),
    Reason(
        "PERMISSION",
        _Q,
        "read",
        "The object may not be read by the account that runs the pipeline",
        "grant it read access and replay the quarantine",
        "运行流程的账户没有读取该对象的权限",
        "请授予读取权限后重放隔离区",
    ),
    Reason(
        "SOURCE_UNREADABLE",
        _Q,
        "read",
        "The storage failed on every attempt to read the object",
        "check the storage; the next run tries again",
        "多次尝试读取该对象均失败",
        "请检查存储，下次运行会自动重试",
        retried=True,
    ),
    Reason(
        "CHANGED_WHILE_READING",
        _Q,
        "read",
        "The object changed between the first and the last read",
        "let the transfer finish; the next run takes it again",
        "读取过程中对象发生了变化",
        "请等待传输完成，下次运行会重新处理",
        retried=True,
    ),
    Reason(
        "EMPTY_FILE",
        _Q,
        "read",
        "The object has no bytes",
        _SEND_AGAIN,
        "对象为空，没有任何字节",
        _SEND_AGAIN_ZH,
    ),
    Reason(
        "ARCHIVE",
        _Q,
        "read",
        "The object is a zip, gzip or tar archive",
        "unpack it into the source",
        "对象是 zip、gzip 或 tar 压缩包",
        "请解压后放入来源",
    ),
    Reason(
        "NOT_DICOM",
        _Q,
        "read",
        "The bytes are not DICOM in any known wrapping",
        _EXCLUDE,
        "内容不是任何已知封装形式的 DICOM",
        _EXCLUDE_ZH,
    ),
    Reason(
        "DICOMDIR",
        _Q,
        "read",
        "The object is a DICOMDIR, an index that repeats patient names and refers to other files",
        "make a new index of the cleaned files if one is needed",
        "对象是 DICOMDIR 索引，含患者姓名并引用其他文件",
        "如有需要，请为清洗后的文件重新生成索引",
    ),
    # The wrapping: preamble, file meta information, transfer syntax.
    Reason(
        "NO_PREAMBLE",
        _S,
        "structure",
        "The preamble is missing; the output has one",
        _NOTHING,
        "缺少前导码，输出已补上",
        _NOTHING_ZH,
    ),
    Reason(
        "NO_PREAMBLE_NO_META",
        _S,
        "structure",
        "Preamble and file meta information are missing; the encoding was found from the data itself",
        "compare some header values with the archive before relying on them",
        "缺少前导码和文件元信息，编码方式由数据本身判定",
        "使用前请抽查若干头信息并与归档系统比对",
    ),
    Reason(
        "NO_FILE_META",
        _S,
        "structure",
        "The file meta information is missing; the output's was made from the data set",
        _NOTHING,
        "缺少文件元信息，输出的元信息由数据集生成",
        _NOTHING_ZH,
    ),
    Reason(
        "NO_TRANSFER_SYNTAX",
        _S,
        "structure",
        "The transfer syntax is not declared; it was found from the data itself",
        _NOTHING,
        "未声明传输语法，已由数据本身判定",
        _NOTHING_ZH,
    ),
    Reason(
        "META_IMPLICIT",
        _S,
        "structure",
        "The file meta information is written without VRs, a known vendor bug; the output's is correct",
        _NOTHING,
        "文件元信息未写 VR（已知的厂商错误），输出已更正",
        _NOTHING_ZH,
    ),
    Reason(
        "META_LENGTH_WRONG",
        _S,
        "structure",
        "The declared length of the file meta information is wrong and was ignored",
        _NOTHING,
        "文件元信息的声明长度有误，已忽略",
        _NOTHING_ZH,
    ),
    Reason(
        "META_CLASS_MISMATCH",
        _S,
        "structure",
        "The file meta information names another SOP Class than the data set, which was trusted",
        _AT_SOURCE,
        "文件元信息与数据集的 SOP 类不一致，以数据集为准",
        _AT_SOURCE_ZH,
    ),
    Reason(
        "META_UID_MISMATCH",
        _S,
        "structure",
        "The file meta information names another SOP Instance than the data set, which was trusted",
        _AT_SOURCE,
        "文件元信息与数据集的 SOP 实例不一致，以数据集为准",
        _AT_SOURCE_ZH,
    ),
    Reason(
        "PREAMBLE_NONZERO",
        _S,
        "structure",
        "The preamble held bytes that belong to no known format; the output's is zero",
        _NOTHING,
        "前导码含有不属于任何已知格式的字节，输出已清零",
        _NOTHING_ZH,
    ),
    Reason(
        "PREAMBLE_TIFF",
        _R,
        "structure",
        "The preamble made the file a TIFF as well, which is legal; the output's is zero",
        "read the pixels as DICOM only",
        "前导码使文件同时是 TIFF（合法），输出已清零",
        "请仅按 DICOM 读取像素",
    ),
    Reason(
        "PREAMBLE_EXECUTABLE",
        _S,
        "structure",
        "The preamble made the file executable (CVE-2019-11687); the output's is zero",
        "find out where the file came from and scan its source",
        "前导码使文件可被执行（CVE-2019-11687），输出已清零",
        "请查明文件来历并对来源进行查毒",
    ),
    Reason(
        "PREAMBLE_ACTIVE",
        _S,
        "structure",
        "The preamble held a document a browser would run; the output's is zero",
        "find out where the file came from and scan its source",
        "前导码含有浏览器会执行的内容，输出已清零",
        "请查明文件来历并对来源进行查毒",
    ),
    Reason(
        "TS_MISMATCH",
        _Q | _S,
        "structure",
        "The bytes are not in the declared transfer syntax; where they could be read without doubt they were",
        "correct the declared syntax at the source, and replay what was quarantined",
        "字节与声明的传输语法不符，能够确定读取的已读取",
        "请在来源更正声明的语法，并重放被隔离的对象",
    ),
    Reason(
        "UNKNOWN_TRANSFER_SYNTAX",
        _Q | _S,
        "structure",
        "The declared transfer syntax is not registered; at most the header could be used",
        "convert the object to a standard transfer syntax at the source",
        "声明的传输语法未注册，最多只能使用头信息",
        "请在来源转换为标准传输语法",
    ),
    # The structure of the data set.
    Reason(
        "EMPTY_DATASET",
        _Q,
        "structure",
        "There is no data set after the preamble and file meta information",
        _SEND_AGAIN,
        "前导码和文件元信息之后没有数据集",
        _SEND_AGAIN_ZH,
    ),
    Reason(
        "TRUNCATED",
        _Q,
        "structure",
        "The data set ends in the middle of an element or a sequence",
        _SEND_AGAIN,
        "数据集在元素或序列中间被截断",
        _SEND_AGAIN_ZH,
    ),
    Reason(
        "TRUNCATED_META",
        _Q,
        "structure",
        "The object ends within its file meta information",
        _SEND_AGAIN,
        "对象在文件元信息中被截断",
        _SEND_AGAIN_ZH,
    ),
    Reason(
        "LENGTH_BEYOND_EOF",
        _Q,
        "structure",
        "An element declares more bytes than the object has",
        _SEND_AGAIN,
        "某元素声明的长度超出对象末尾",
        _SEND_AGAIN_ZH,
    ),
    Reason(
        "STRUCTURE_LOST",
        _Q,
        "structure",
        "A wrong length swallowed other elements, so nothing after it can be trusted",
        "ask the vendor of the sending device for a correct export",
        "错误的长度吞掉了其他元素，其后内容不可信",
        "请向发送设备的厂商索取正确的导出",
    ),
    Reason(
        "DUPLICATE_TAG",
        _Q,
        "structure",
        "One element occurs twice with different values, and nothing tells which is true",
        _SEND_AGAIN,
        "同一元素出现两次且值不同，无法判断真伪",
        _SEND_AGAIN_ZH,
    ),
    Reason(
        "DUPLICATE_TAG_SAME",
        _S,
        "structure",
        "One element occurs twice with the same value; one was kept",
        _NOTHING,
        "同一元素以相同的值出现两次，保留一个",
        _NOTHING_ZH,
    ),
    Reason(
        "DUPLICATE_PIXEL_DATA",
        _Q,
        "structure",
        "The object holds two pixel data elements, and nothing tells which is the image",
        _SEND_AGAIN,
        "对象含有两个像素数据元素，无法判断哪个是图像",
        _SEND_AGAIN_ZH,
    ),
    Reason(
        "NESTING_TOO_DEEP",
        _Q,
        "structure",
        "Sequences are nested deeper than any real object needs",
        "raise the depth limit only if the source is trusted",
        "序列嵌套过深，超出真实对象的需要",
        "仅在信任来源时提高深度上限",
    ),
    Reason(
        "DECOMPRESSION_RATIO",
        _Q,
        "structure",
        "A deflated data set grows beyond the limits, as a decompression bomb does",
        "raise the limit only if the source is trusted",
        "压缩的数据集解压后超出上限，疑似解压炸弹",
        "仅在信任来源时提高上限",
    ),
    Reason(
        "TOO_MANY_ELEMENTS",
        _S,
        "structure",
        "The data set has more elements than the limit; private ones beyond it were dropped",
        "raise the limit if they are needed",
        "数据集元素超出上限，超出部分的私有元素已丢弃",
        "如需保留请提高上限",
    ),
    Reason(
        "TRAILING_DATA",
        _S,
        "structure",
        "Bytes follow the end of the data set and were not kept; they may be a second object",
        "split the file at the source if two objects were joined",
        "数据集结束后仍有字节，未予保留，可能是第二个对象",
        "若为拼接文件，请在来源拆分",
    ),
    Reason(
        "BAD_SEQUENCE",
        _S,
        "structure",
        "A sequence holds something other than items and was removed",
        _AT_SOURCE,
        "序列中的内容不是条目，已移除",
        _AT_SOURCE_ZH,
    ),
    Reason(
        "BAD_UNDEFINED_LENGTH",
        _S,
        "structure",
        "An element that must declare its length does not; it was removed",
        _AT_SOURCE,
        "必须声明长度的元素未声明长度，已移除",
        _AT_SOURCE_ZH,
    ),
    Reason(
        "STRAY_DELIMITER",
        _S,
        "structure",
        "Delimiters without a sequence were skipped",
        _NOTHING,
        "存在不属于任何序列的分隔符，已跳过",
        _NOTHING_ZH,
    ),
    Reason(
        "OUT_OF_ORDER",
        _S,
        "structure",
        "Elements were not in ascending order; the output's are",
        _NOTHING,
        "元素未按升序排列，输出已排序",
        _NOTHING_ZH,
    ),
    Reason(
        "ODD_LENGTH",
        _S,
        "structure",
        "A value of odd length was accepted and padded",
        _NOTHING,
        "值的长度为奇数，已接受并补齐",
        _NOTHING_ZH,
    ),
    Reason(
        "PRIVATE_NO_CREATOR",
        _S,
        "structure",
        "Private elements without a private creator were removed",
        _NOTHING,
        "缺少私有创建者的私有元素已移除",
        _NOTHING_ZH,
    ),
    Reason(
        "UNKNOWN_VR",
        _S,
        "structure",
        "An element has a VR that does not exist; the dictionary's was used, or the element removed",
        _AT_SOURCE,
        "元素的 VR 不存在，已改用字典中的 VR 或移除该元素",
        _AT_SOURCE_ZH,
    ),
    Reason(
        "PARSER_CRASH",
        _Q,
        "structure",
        "The sandboxed parser died on this object",
        _INVESTIGATE,
        "沙箱中的解析进程在该对象上崩溃",
        _INVESTIGATE_ZH,
    ),
    Reason(
        "PARSER_TIMEOUT",
        _Q,
        "structure",
        "The sandboxed parser did not finish this object in time",
        _INVESTIGATE,
        "沙箱中的解析进程在该对象上超时",
        _INVESTIGATE_ZH,
    ),
    Reason(
        "PARSER_MEMORY",
        _Q,
        "structure",
        "The sandboxed parser outgrew its memory limit on this object",
        _INVESTIGATE,
        "沙箱中的解析进程在该对象上超出内存上限",
        _INVESTIGATE_ZH,
    ),
    Reason(
        "INTERNAL_ERROR",
        _Q,
        "structure",
        "The pipeline itself failed on this object in a way nobody foresaw",
        _INVESTIGATE,
        "流程在该对象上发生了未预见的内部错误",
        _INVESTIGATE_ZH,
        alert=True,
    ),
    # Values.
    Reason(
        "WRONG_VR",
        _S,
        "value",
        "An element is encoded under another VR than the standard's; it was read as the standard's where "
        "that loses nothing, else emptied",
        _AT_SOURCE,
        "元素的 VR 与标准不符，可无损转换的已按标准读取，否则置空",
        _AT_SOURCE_ZH,
    ),
    Reason(
        "MISSING_REQUIRED",
        _Q,
        "value",
        "The object has pixels but lacks the dimensions needed to make sense of them",
        _SEND_AGAIN,
        "对象含像素，但缺少理解像素所需的尺寸信息",
        _SEND_AGAIN_ZH,
    ),
    Reason(
        "BAD_REQUIRED_VALUE",
        _Q,
        "value",
        "The object has pixels but their dimensions are not one unsigned number each",
        _SEND_AGAIN,
        "对象含像素，但其尺寸信息不是单个无符号数",
        _SEND_AGAIN_ZH,
    ),
    Reason(
        "BAD_DATE_REPAIRED",
        _S,
        "value",
        "A date in a foreign format was rewritten, because it can be read in one way only",
        _AT_SOURCE,
        "日期格式不规范，因只有一种读法，已改写",
        _AT_SOURCE_ZH,
    ),
    Reason(
        "BAD_DATE",
        _S,
        "value",
        "A date that does not exist or can be read in two ways was emptied",
        _AT_SOURCE,
        "日期不存在或有歧义，已置空",
        _AT_SOURCE_ZH,
    ),
    Reason(
        "DATE_FUTURE",
        _S,
        "value",
        "A date later than the latest plausible one was emptied",
        "check the clock of the device, or its calendar",
        "日期晚于最晚的合理日期，已置空",
        "请检查设备的时钟或历法设置",
    ),
    Reason(
        "BIRTH_AFTER_STUDY",
        _S,
        "value",
        "The birth date is later than the study, so it was emptied",
        _AT_SOURCE,
        "出生日期晚于检查日期，已置空",
        _AT_SOURCE_ZH,
    ),
    Reason(
        "AGE_CONTRADICTED",
        _S,
        "value",
        "The age is not what lies between birth date and study, so it was computed from them",
        _AT_SOURCE,
        "年龄与出生日期和检查日期不符，已据后两者重新计算",
        _AT_SOURCE_ZH,
    ),
    Reason(
        "BAD_TIME_REPAIRED",
        _S,
        "value",
        "A time in a foreign format was rewritten, because it can be read in one way only",
        _AT_SOURCE,
        "时间格式不规范，因只有一种读法，已改写",
        _AT_SOURCE_ZH,
    ),
    Reason(
        "BAD_TIME",
        _S,
        "value",
        "A time that does not exist or cannot be read was emptied",
        _AT_SOURCE,
        "时间不存在或无法读取，已置空",
        _AT_SOURCE_ZH,
    ),
    Reason(
        "BAD_AGE",
        _S,
        "value",
        "An age was rewritten where its unit was given, and emptied where it was not or is beyond 150 years",
        _AT_SOURCE,
        "年龄已改写；若缺少单位或超过 150 岁，则置空",
        _AT_SOURCE_ZH,
    ),
    Reason(
        "BAD_NUMBER",
        _S,
        "value",
        "A number was rewritten where it has one reading, and emptied where it has none or is impossible",
        _AT_SOURCE,
        "数值有唯一读法的已改写，无法读取或不可能的已置空",
        _AT_SOURCE_ZH,
    ),
    Reason(
        "BAD_RESCALE",
        _S,
        "value",
        "A rescale slope of zero was emptied, because it makes all pixels equal",
        "do not compute with rescaled pixels of this series",
        "缩放斜率为零会使所有像素相等，已置空",
        "请勿使用该序列缩放后的像素值进行计算",
    ),
    Reason(
        "BAD_CODE_REPAIRED",
        _S,
        "value",
        "A code string was brought into the form the standard allows, or emptied where it has none",
        _AT_SOURCE,
        "代码字符串已改为标准允许的形式，无法改写的已置空",
        _AT_SOURCE_ZH,
    ),
    Reason(
        "BAD_TEXT",
        _S,
        "value",
        "A text held control characters, which were removed, or is longer than its VR allows, and was kept",
        _AT_SOURCE,
        "文本中的控制字符已删除；超出 VR 长度上限的文本予以保留",
        _AT_SOURCE_ZH,
    ),
    Reason(
        "BAD_UID",
        _S,
        "value",
        "A UID is malformed; its pseudonym is made from its bytes, and it never becomes a path",
        _AT_SOURCE,
        "UID 格式错误，其假名由原始字节生成，且绝不用作路径",
        _AT_SOURCE_ZH,
    ),
    Reason(
        "VALUE_TOO_LONG",
        _S,
        "value",
        "A value is longer than its VR allows; it was shortened if that does not change it, else kept",
        _AT_SOURCE,
        "值超出 VR 长度上限，不改变含义的已缩短，否则保留",
        _AT_SOURCE_ZH,
    ),
    Reason(
        "CHARSET_MISSING",
        _S,
        "value",
        "Text is not ASCII though no character set is declared; UTF-8 was declared where it is, else the text emptied",
        "let the sending device declare its character set",
        "文本含非 ASCII 字符却未声明字符集，确为 UTF-8 的已补充声明，否则置空",
        "请让发送设备声明字符集",
    ),
    Reason(
        "CHARSET_INVALID",
        _S,
        "value",
        "Text is not valid in the declared character set and was emptied",
        "correct the declared character set at the source",
        "文本在声明的字符集中无效，已置空",
        "请在来源更正字符集声明",
    ),
    Reason(
        "CHARSET_SUSPECT",
        _S,
        "value",
        "Text looks written in another character set than declared; the declaration was corrected only where "
        "the bytes prove it",
        "compare some names with the archive and correct the declaration at the source",
        "文本似乎使用了与声明不同的字符集，仅在字节足以证明时更正声明",
        "请抽查姓名并与归档系统比对，在来源更正声明",
    ),
    Reason(
        "UNKNOWN_CHARSET",
        _S,
        "value",
        "The declared character set does not exist; its spelling was corrected, or the term removed",
        "correct the declared character set at the source",
        "声明的字符集不存在，已更正拼写或删除该项",
        "请在来源更正字符集声明",
    ),
    # De-identification.
    Reason(
        "CLASS_NOT_CLEANABLE",
        _Q,
        "deid",
        "Objects of this SOP Class carry free text or documents that cannot be de-identified safely",
        _EXCLUDE,
        "该 SOP 类的对象含自由文本或文档，无法安全去标识化",
        _EXCLUDE_ZH,
    ),
    Reason(
        "UNKNOWN_SOP_CLASS",
        _Q,
        "deid",
        "The SOP Class is not registered, so nothing tells what the object holds",
        _EXCLUDE,
        "SOP 类未注册，无法得知对象内容",
        _EXCLUDE_ZH,
    ),
    Reason(
        "MISSING_SOP_CLASS",
        _S,
        "deid",
        "The SOP Class is missing; the object was treated by its elements",
        _AT_SOURCE,
        "缺少 SOP 类，已按其元素处理",
        _AT_SOURCE_ZH,
    ),
    Reason(
        "MISSING_UID",
        _S,
        "deid",
        "A study, series or instance UID is missing; one was made from the content",
        _AT_SOURCE,
        "缺少检查、序列或实例 UID，已由内容生成",
        _AT_SOURCE_ZH,
    ),
    Reason(
        "MISSING_PATIENT_ID",
        _S,
        "deid",
        "The patient ID is missing; the pseudonym was made from the study, so studies of one patient stay apart",
        _AT_SOURCE,
        "缺少患者 ID，假名由检查生成，同一患者的检查不会合并",
        _AT_SOURCE_ZH,
    ),
    Reason(
        "IDENTIFIER_LEFT",
        _Q,
        "deid",
        "The self-check found an original identifier in the output, so nothing of it is published",
        "report it with the quarantine record and extend the profile",
        "自检在输出中发现原始标识，未发布任何内容",
        "请附隔离记录上报，并扩充去标识化规则",
        alert=True,
    ),
    # Pixels, judged without decoding unless the run decodes.
    Reason(
        "NO_PIXEL_DATA",
        _S,
        "pixel",
        "The object has no pixel data; its header was kept",
        _NOTHING,
        "对象没有像素数据，已保留头信息",
        _NOTHING_ZH,
    ),
    Reason(
        "PIXEL_TRUNCATED",
        _S,
        "pixel",
        "The pixel data is cut short; the header was kept and the pixels flagged",
        _SEND_AGAIN,
        "像素数据被截断，已保留头信息并标记像素",
        _SEND_AGAIN_ZH,
    ),
    Reason(
        "PIXEL_LENGTH_MISMATCH",
        _S,
        "pixel",
        "The pixel data is longer or shorter than its dimensions say",
        _LOOK_AT_PIXELS,
        "像素数据的长度与尺寸不符",
        _LOOK_AT_PIXELS_ZH,
    ),
    Reason(
        "PIXEL_DECODE",
        _S,
        "pixel",
        "The compressed pixel data cannot be decoded; the header was kept and the pixels flagged",
        _SEND_AGAIN,
        "压缩的像素数据无法解码，已保留头信息并标记像素",
        _SEND_AGAIN_ZH,
    ),
    Reason(
        "PIXEL_NAN",
        _S,
        "pixel",
        "Floating-point pixels hold values that are not numbers",
        _LOOK_AT_PIXELS,
        "浮点像素中含有非数值",
        _LOOK_AT_PIXELS_ZH,
    ),
    Reason(
        "PIXEL_REVIEW",
        _W,
        "pixel",
        "The pixels may hold burned-in text and no pixel cleaning is configured, so the image is withheld",
        "review the image or configure pixel cleaning, and replay",
        "像素中可能有烧录文字且未配置像素清理，图像暂不发布",
        "请人工审核或配置像素清理后重放",
    ),
    Reason(
        "BAD_OFFSET_TABLE",
        _S,
        "pixel",
        "The table of frame offsets points to places where no frame starts",
        "find the frames by their fragments instead",
        "帧偏移表指向了不存在的帧起点",
        "请改用片段来定位各帧",
    ),
    Reason(
        "NO_SEQ_DELIM",
        _S,
        "pixel",
        "The end mark of the compressed pixel data is missing; all fragments are there and the output has it",
        _NOTHING,
        "压缩像素数据缺少结束标记，片段完整，输出已补上",
        _NOTHING_ZH,
    ),
    Reason(
        "BAD_DIMENSIONS",
        _S,
        "pixel",
        "Rows or Columns is zero; the header was kept and the pixels flagged",
        _LOOK_AT_PIXELS,
        "行数或列数为零，已保留头信息并标记像素",
        _LOOK_AT_PIXELS_ZH,
    ),
    Reason(
        "BAD_FRAME_COUNT",
        _S,
        "pixel",
        "Number of Frames is not a positive whole number; it was rewritten if it has one reading, else emptied",
        _LOOK_AT_PIXELS,
        "帧数不是正整数，有唯一读法的已改写，否则置空",
        _LOOK_AT_PIXELS_ZH,
    ),
    Reason(
        "BAD_PIXEL_MODULE",
        _S,
        "pixel",
        "The elements that describe the pixels contradict each other or the standard",
        _LOOK_AT_PIXELS,
        "描述像素的元素相互矛盾或不符合标准",
        _LOOK_AT_PIXELS_ZH,
    ),
    Reason(
        "UNSUPPORTED_TRANSFER_SYNTAX",
        _S,
        "pixel",
        "The pixels are in a compression that is not decoded here; they were copied and flagged",
        "decode them with a tool that supports it",
        "像素使用了本系统不解码的压缩方式，已原样复制并标记",
        "请使用支持该格式的工具解码",
    ),
    # One object against others.
    Reason(
        "DUPLICATE_EXACT",
        _R,
        "duplicate",
        "The same instance with the same content is there already; one output has both as its sources",
        _NOTHING,
        "内容相同的同一实例已存在，一个输出对应两个来源",
        _NOTHING_ZH,
    ),
    Reason(
        "DUPLICATE_UID_CONFLICT",
        _Q,
        "duplicate",
        "Objects share one SOP Instance UID but differ in content, so none of them is published",
        "decide which is true, remove the others and replay",
        "多个对象的 SOP 实例 UID 相同而内容不同，均不发布",
        "请确定真正的对象，移除其余后重放",
    ),
    Reason(
        "STUDY_TWO_PATIENTS",
        _Q,
        "duplicate",
        "One study carries two patients, so none of it is published",
        "correct the patient at the source and replay",
        "同一检查含两名患者，均不发布",
        "请在来源更正患者信息后重放",
    ),
)

REASONS: dict[str, Reason] = {reason.code: reason for reason in _TABLE}
"""Every reason by its code."""
