// The texts of letters and labels in each language. The words are those of the owner's guides (docs/guide.*.md).

import type { Language } from "./languages.js";

export interface Texts {
  /** The titles of a file of letters and of a file of labels. */
  readonly letters: string;
  readonly labels: string;
  readonly batch: string;
  readonly title: string;
  readonly intro: string;
  readonly user: string;
  readonly serial: string;
  readonly pin: string;
  /** The heading of the advice. */
  readonly heading: string;
  readonly advice: readonly string[];
}

export const TEXTS: Readonly<Record<Language, Texts>> = {
  EN: {
    letters: "PIN letters",
    labels: "Labels",
    batch: "Batch",
    title: "The PIN of your Digital Security Card+",
    intro:
      "Your card comes to you separately. When you have both, compare the serial number on the back of the card with the one below. If they differ, call the help desk.",
    user: "User name",
    serial: "Serial number",
    pin: "PIN",
    heading: "Keep the PIN secret",
    advice: [
      "Learn the PIN by heart, then destroy this letter.",
      "Do not write the PIN on the card, and do not keep it with the card.",
      "Tell the PIN to nobody. The help desk never asks for it.",
      "You can change the PIN at any time; the guide to the card says how.",
      "If this letter was open when you got it, or the PIN could be read from outside, do not use the card and call the help desk.",
    ],
  },
  RU: {
    letters: "Письма с PIN-кодами",
    labels: "Наклейки",
    batch: "Партия",
    title: "PIN-код вашей карты Digital Security Card+",
    intro:
      "Карту вы получите отдельно. Когда у вас будет и то и другое, сравните серийный номер на обороте карты с номером, указанным ниже. Если номера не совпадают, позвоните в службу поддержки.",
    user: "Имя пользователя",
    serial: "Серийный номер",
    pin: "PIN-код",
    heading: "Храните PIN-код в тайне",
    advice: [
      "Запомните PIN-код и уничтожьте это письмо.",
      "Не пишите PIN-код на карте и не храните его вместе с ней.",
      "Никому не называйте PIN-код. Служба поддержки никогда его не спрашивает.",
      "PIN-код можно сменить в любое время; как это сделать, сказано в руководстве к карте.",
      "Если письмо пришло вскрытым или PIN-код можно было прочитать снаружи, не пользуйтесь картой и позвоните в службу поддержки.",
    ],
  },
  FR: {
    letters: "Lettres de codes PIN",
    labels: "Étiquettes",
    batch: "Lot",
    title: "Le code PIN de votre Digital Security Card+",
    intro:
      "Votre carte vous parvient séparément. Lorsque vous avez les deux, comparez le numéro de série au dos de la carte avec celui indiqué ci-dessous. S’ils diffèrent, appelez l’assistance.",
    user: "Nom d’utilisateur",
    serial: "Numéro de série",
    pin: "Code PIN",
    heading: "Gardez le code PIN secret",
    advice: [
      "Apprenez le code PIN par cœur, puis détruisez cette lettre.",
      "N’écrivez pas le code PIN sur la carte et ne le conservez pas avec elle.",
      "Ne communiquez le code PIN à personne. L’assistance ne vous le demandera jamais.",
      "Vous pouvez changer le code PIN à tout moment\u00a0; le guide de la carte explique comment.",
      "Si cette lettre vous est parvenue ouverte, ou si le code PIN pouvait être lu de l’extérieur, n’utilisez pas la carte et appelez l’assistance.",
    ],
  },
  DE: {
    letters: "PIN-Briefe",
    labels: "Etiketten",
    batch: "Los",
    title: "Die PIN Ihrer Digital Security Card+",
    intro:
      "Ihre Karte erhalten Sie getrennt von diesem Brief. Sobald Sie beides haben, vergleichen Sie die Seriennummer auf der Rückseite der Karte mit der Nummer unten. Stimmen sie nicht überein, rufen Sie den Kundendienst an.",
    user: "Benutzername",
    serial: "Seriennummer",
    pin: "PIN",
    heading: "Halten Sie die PIN geheim",
    advice: [
      "Prägen Sie sich die PIN ein und vernichten Sie dann diesen Brief.",
      "Schreiben Sie die PIN nicht auf die Karte und bewahren Sie sie nicht zusammen mit der Karte auf.",
      "Nennen Sie die PIN niemandem. Der Kundendienst fragt nie danach.",
      "Sie können die PIN jederzeit ändern; wie das geht, steht in der Anleitung zur Karte.",
      "War dieser Brief geöffnet, als Sie ihn erhielten, oder war die PIN von außen lesbar, benutzen Sie die Karte nicht und rufen Sie den Kundendienst an.",
    ],
  },
  JA: {
    letters: "暗証番号通知書",
    labels: "ラベル",
    batch: "バッチ",
    title: "Digital Security Card+ 暗証番号のお知らせ",
    intro:
      "カードは別便でお届けします。両方がそろいましたら、カード裏面のシリアル番号と下記の番号をご確認ください。番号が異なる場合は、ヘルプデスクまでお電話ください。",
    user: "ユーザー名",
    serial: "シリアル番号",
    pin: "暗証番号（PIN）",
    heading: "暗証番号の取り扱いについて",
    advice: [
      "暗証番号を覚えたら、この書面を破棄してください。",
      "暗証番号をカードに書いたり、カードと一緒に保管したりしないでください。",
      "暗証番号は誰にも教えないでください。ヘルプデスクが暗証番号をお尋ねすることはありません。",
      "暗証番号はいつでも変更できます。変更方法はカードの手引きをご覧ください。",
      "この書面が開封された状態で届いた場合や、外から暗証番号を読み取れる状態だった場合は、カードを使用せず、ヘルプデスクまでお電話ください。",
    ],
  },
};
